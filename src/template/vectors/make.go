// SPDX-License-Identifier: Apache-2.0

// Makes templates.json: what Go prints, and says, for each line of the file "templates" over document.json.
//
//	GO111MODULE=off go run make.go >templates.json
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

// Docker's functions.
var functions = template.FuncMap{
	"json": func(v interface{}) string {
		b := &bytes.Buffer{}
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		e.Encode(v)
		return strings.TrimSpace(b.String())
	},
	"split": strings.Split,
	"join":  strings.Join,
	"title": strings.Title,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"pad": func(s string, before, after int) string {
		if s == "" {
			return s
		}
		return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
	},
	"truncate": func(s string, n int) string {
		if len(s) < n {
			return s
		}
		return s[:n]
	},
}

func run(text string, document []byte, options ...string) (string, string) {
	var data interface{}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	d.Decode(&data)
	out := &bytes.Buffer{}
	t, err := template.New("").Funcs(functions).Option(options...).Parse(text)
	if err == nil {
		err = t.Execute(out, data)
	}
	if err != nil {
		return out.String(), err.Error()
	}
	return out.String(), ""
}

func main() {
	document, _ := os.ReadFile("document.json")
	templates, _ := os.ReadFile("templates")
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	for i, line := range strings.Split(strings.TrimSuffix(string(templates), "\n"), "\n") {
		if i == 0 {
			os.Stdout.WriteString("[")
		} else {
			os.Stdout.WriteString(",")
		}
		text := strings.ReplaceAll(line, "⏎", "\n")
		out, err := run(text, document)
		strictOut, strictErr := run(text, document, "missingkey=error")
		e.Encode([]string{text, out, err, strictOut, strictErr})
	}
	os.Stdout.WriteString("]\n")
}
