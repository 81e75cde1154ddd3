// SPDX-License-Identifier: Apache-2.0
// A format's verb is read into a struct verb, which the functions below write a value with; one that does not
// go with its value is said in the text: %!d(string=x).
#include "template/print.h"

#include "template/rune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1000000 // of a width or a precision, as in Go

struct verb {
    struct str *out;
    uint32_t letter;
    int width, precision;
    bool has_width, has_precision;
    bool plus, minus, sharp, space, zero;
    bool named, source; // %+v: with names; %#v: as Go source
    bool whole;         // however long it gets
};

static void show(const struct verb *verb, const struct value *value, int depth);

// Padding

static void fill(const struct verb *verb, size_t used, bool zero) {
    for (size_t n = used; n < (size_t)verb->width; n++) str_add_char(verb->out, zero ? '0' : ' ');
}

static void put(const struct verb *verb, const char *text, size_t size, bool zero) {
    size_t used = verb->has_width ? rune_count(text, size) : SIZE_MAX;
    if (!verb->minus) fill(verb, used, zero);
    str_add_n(verb->out, text, size);
    if (verb->minus) fill(verb, used, false);
}

static void put_str(const struct verb *verb, const struct str *text) {
    put(verb, str_get(text), text->len, verb->zero);
}

// A verb that the value does not know.
static void refuse(const struct verb *verb, const struct value *value) {
    struct verb plain = *verb;
    plain.letter = 'v';
    str_add(verb->out, "%!");
    rune_add(verb->out, verb->letter);
    str_add_char(verb->out, '(');
    if (value->kind == VALUE_NONE || value->kind == VALUE_NIL) {
        str_add(verb->out, "<nil>");
    } else {
        str_printf(verb->out, "%s=", value->type);
        show(&plain, value, 0);
    }
    str_add_char(verb->out, ')');
}

// Integers

static size_t digits(uint64_t number, unsigned base, bool upper, char buffer[static 64]) {
    size_t n = 64;
    do buffer[--n] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[number % base];
    while (number /= base);
    return n;
}

static void put_integer(const struct verb *verb, int64_t integer, unsigned base) {
    _cleanup_(str_finish) struct str text = {0};
    char buffer[64];
    bool negative = integer < 0, upper = verb->letter == 'X';
    uint64_t number = negative ? -(uint64_t)integer : (uint64_t)integer;
    bool sign = negative || verb->plus || verb->space;
    int least = verb->has_precision                             ? verb->precision
                : verb->zero && verb->has_width && !verb->minus ? verb->width - sign
                                                                : 0;
    if (verb->has_precision && !verb->precision && !number) return fill(verb, 0, false);
    size_t first = digits(number, base, upper, buffer);
    if (sign) str_add_char(&text, negative ? '-' : verb->plus ? '+' : ' ');
    if (verb->letter == 'O') str_add(&text, "0o");
    if (verb->sharp && base == 2) str_add(&text, "0b");
    if (verb->sharp && base == 16) str_add(&text, upper ? "0X" : "0x");
    if (verb->sharp && base == 8 && least <= (int)(64 - first) && buffer[first] != '0')
        str_add_char(&text, '0');
    for (int n = (int)(64 - first); n < least; n++) str_add_char(&text, '0');
    str_add_n(&text, buffer + first, 64 - first);
    put(verb, str_get(&text), text.len, false);
}

static void put_unicode(const struct verb *verb, int64_t integer) {
    _cleanup_(str_finish) struct str text = {0};
    uint64_t rune = (uint64_t)integer;
    int precision = verb->has_precision && verb->precision > 4 ? verb->precision : 4;
    str_printf(&text, "U+%0*llX", precision, (unsigned long long)rune);
    if (verb->sharp && rune <= 0x10FFFF && rune_printable((uint32_t)rune)) {
        str_add(&text, " '");
        rune_add(&text, (uint32_t)rune);
        str_add_char(&text, '\'');
    }
    put(verb, str_get(&text), text.len, false);
}

static void show_integer(const struct verb *verb, const struct value *value) {
    _cleanup_(str_finish) struct str text = {0};
    uint32_t rune = value->integer < 0 || value->integer > 0x10FFFF ? RUNE_ERROR : (uint32_t)value->integer;
    switch (verb->letter) {
    case 'v':
    case 'd': return put_integer(verb, value->integer, 10);
    case 'b': return put_integer(verb, value->integer, 2);
    case 'o':
    case 'O': return put_integer(verb, value->integer, 8);
    case 'x':
    case 'X': return put_integer(verb, value->integer, 16);
    case 'U': return put_unicode(verb, value->integer);
    case 'c': rune_add(&text, rune); return put_str(verb, &text);
    case 'q': rune_quote_one(&text, rune, verb->plus); return put_str(verb, &text);
    default: return refuse(verb, value);
    }
}

// Floating point

// Digits of C's printf; Go's exponents have two digits too.
static void real_digits(const struct verb *verb, double real, struct str *text) {
    char letter = verb->letter == 'v' ? 'g' : verb->letter == 'F' ? 'f' : (char)verb->letter;
    bool general = letter == 'g' || letter == 'G';
    if (general && !verb->has_precision && !verb->sharp) {
        value_real_text(real, -4, 6, text);
        for (size_t i = 0; letter == 'G' && i < text->len; i++)
            if (text->data[i] == 'e') text->data[i] = 'E';
        return;
    }
    int precision = verb->has_precision ? verb->precision : 6;
    switch (letter) {
    case 'e': return str_printf(text, verb->sharp ? "%#.*e" : "%.*e", precision, real);
    case 'E': return str_printf(text, verb->sharp ? "%#.*E" : "%.*E", precision, real);
    case 'f': return str_printf(text, verb->sharp ? "%#.*f" : "%.*f", precision, real);
    case 'G': return str_printf(text, verb->sharp ? "%#.*G" : "%.*G", precision, real);
    default: return str_printf(text, verb->sharp ? "%#.*g" : "%.*g", precision, real);
    }
}

static void show_real(const struct verb *verb, const struct value *value) {
    if (!verb->letter || verb->letter > 'z' || !strchr("veEfFgG", (int)verb->letter))
        return refuse(verb, value);
    _cleanup_(str_finish) struct str text = {0}, whole = {0};
    double real = value->real;
    bool number = real - real == 0;
    if (number)
        real_digits(verb, real, &text);
    else
        str_add(&text, real != real ? "NaN" : real < 0 ? "-Inf" : "+Inf");
    const char *rest = str_get(&text);
    char sign = *rest == '-' ? '-' : verb->plus ? '+' : verb->space ? ' ' : *rest == '+' ? '+' : 0;
    if (*rest == '-' || *rest == '+') rest++;
    size_t used = strlen(rest) + (sign != 0);
    if (sign) str_add_char(&whole, sign);
    for (; number && verb->zero && !verb->minus && used < (size_t)verb->width; used++)
        str_add_char(&whole, '0');
    str_add(&whole, rest);
    put(verb, str_get(&whole), whole.len, false);
}

// Texts

static void put_hex(const struct verb *verb, const char *bytes, size_t size) {
    _cleanup_(str_finish) struct str text = {0};
    bool upper = verb->letter == 'X';
    if (verb->has_precision && (size_t)verb->precision < size) size = (size_t)verb->precision;
    for (size_t i = 0; i < size; i++) {
        if (verb->space && i) str_add_char(&text, ' ');
        if (verb->sharp && (verb->space || !i)) str_add(&text, upper ? "0X" : "0x");
        str_printf(&text, upper ? "%02X" : "%02x", (unsigned char)bytes[i]);
    }
    put_str(verb, &text);
}

static bool fits_backquotes(const char *text, size_t size) {
    size_t bytes;
    for (size_t at = 0; at < size; at += bytes) {
        uint32_t rune = rune_decode(text + at, size - at, &bytes);
        if ((rune < ' ' && rune != '\t') || rune == '`' || rune == 0x7F || rune == 0xFEFF ||
            (rune == RUNE_ERROR && bytes == 1))
            return false;
    }
    return true;
}

static void put_quoted(const struct verb *verb, const char *bytes, size_t size, bool raw) {
    _cleanup_(str_finish) struct str text = {0};
    if (raw && fits_backquotes(bytes, size)) {
        str_add_char(&text, '`');
        str_add_n(&text, bytes, size);
        str_add_char(&text, '`');
    } else {
        rune_quote(&text, bytes, size, '"', verb->plus);
    }
    put_str(verb, &text);
}

// "2026-11-23 21:44:38.5 +0000 UTC" for 2026-11-23T21:44:38.5Z.
static void put_time(const struct verb *verb, const struct value *value) {
    _cleanup_(str_finish) struct str text = {0};
    for (size_t i = 0; i < value->size; i++) {
        char c = value->text[i];
        if (c == 'Z')
            str_add(&text, " +0000 UTC");
        else
            str_add_char(&text, c == 'T' ? ' ' : c);
    }
    put_str(verb, &text);
}

// "1.5" of 1500 with three digits behind the point.
static void add_fraction(struct str *text, uint64_t number, int digits) {
    char all[32];
    uint64_t unit = 1;
    for (int i = 0; i < digits; i++) unit *= 10;
    str_printf(text, "%llu", (unsigned long long)(number / unit));
    int n = snprintf(all, sizeof all, "%0*llu", digits, (unsigned long long)(number % unit));
    while (n > 0 && all[n - 1] == '0') n--;
    if (digits && n > 0) str_printf(text, ".%.*s", n, all);
}

// As Go's time.Duration: "1h0m3.5s", "20ms", "0s".
static void put_duration(const struct verb *verb, int64_t ns) {
    static const struct {
        uint64_t below;
        int digits;
        const char *unit;
    } small[] = {{1000, 0, "ns"}, {1000000, 3, "µs"}, {1000000000, 6, "ms"}};
    _cleanup_(str_finish) struct str text = {0};
    uint64_t left = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, seconds = left / 1000000000;
    if (ns < 0) str_add_char(&text, '-');
    for (size_t i = 0; left && i < ARRAY_SIZE(small); i++) {
        if (left >= small[i].below) continue;
        add_fraction(&text, left, small[i].digits);
        str_add(&text, small[i].unit);
        return put_str(verb, &text);
    }
    if (seconds >= 3600) str_printf(&text, "%lluh", (unsigned long long)(seconds / 3600));
    if (seconds >= 60) str_printf(&text, "%llum", (unsigned long long)(seconds / 60 % 60));
    add_fraction(&text, left % 60000000000u, 9);
    str_add_char(&text, 's');
    put_str(verb, &text);
}

static void show_text(const struct verb *verb, const struct value *value) {
    size_t size = value->size;
    if (value_is(value, "time.Time") && (verb->letter == 'v' || verb->letter == 's'))
        return put_time(verb, value);
    if (verb->letter == 'x' || verb->letter == 'X') return put_hex(verb, value->text, size);
    if (verb->has_precision) size = rune_prefix(value->text, size, (size_t)verb->precision);
    if (verb->letter == 'q' || (verb->letter == 'v' && verb->source))
        return put_quoted(verb, value->text, size, verb->sharp);
    if (verb->letter != 'v' && verb->letter != 's') return refuse(verb, value);
    put(verb, value->text, size, verb->zero);
}

// What consists of others

static void separate(const struct verb *verb, size_t index) {
    if (index) str_add(verb->out, verb->source ? ", " : " ");
}

static void show_list(const struct verb *verb, const struct value *value, int depth) {
    if (verb->source) str_add(verb->out, value->type);
    if (verb->source && !value->items) return str_add(verb->out, "(nil)");
    str_add_char(verb->out, verb->source ? '{' : '[');
    for (size_t i = 0; i < value->count; i++) {
        separate(verb, i);
        show(verb, &value->items[i], depth + 1);
    }
    str_add_char(verb->out, verb->source ? '}' : ']');
}

static void show_map(const struct verb *verb, const struct value *value, int depth) {
    str_add(verb->out, verb->source ? value->type : "map");
    if (verb->source && !value->members) return str_add(verb->out, "(nil)");
    str_add_char(verb->out, verb->source ? '{' : '[');
    for (size_t i = 0; i < value->member_count; i++) {
        struct value key = value_text(value->members[i].name);
        separate(verb, i);
        show(verb, &key, depth + 1);
        str_add_char(verb->out, ':');
        show(verb, &value->members[i].value, depth + 1);
    }
    str_add_char(verb->out, verb->source ? '}' : ']');
}

static void show_member(const struct verb *verb, size_t index, const char *name, const struct value *value,
                        int depth) {
    separate(verb, index);
    if (verb->named || verb->source) str_printf(verb->out, "%s:", name);
    show(verb, value, depth + 1);
}

static void show_struct(const struct verb *verb, const struct value *value, int depth) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    bool pointer = *value->type == '*';
    if (pointer && !depth) str_add_char(verb->out, '&');
    if (verb->source) str_add(verb->out, value->type + pointer);
    str_add_char(verb->out, '{');
    if (value->kind == VALUE_STRUCT)
        for (size_t i = 0; i < value->member_count; i++)
            show_member(verb, i, value->members[i].name, &value->members[i].value, depth);
    else
        for (size_t i = 0; i < value->row_type->count; i++) {
            const struct value_method *method = &value->row_type->methods[i];
            bool known = value->row && !method->takes_argument;
            struct value text = value_text(known ? method->text(&arena, value->row, NULL) : "");
            show_member(verb, i, method->name, &text, depth);
        }
    str_add_char(verb->out, '}');
}

static void show_nil(const struct verb *verb, const struct value *value, int depth) {
    if (depth && value_is(value, "interface {}")) return str_add(verb->out, "<nil>");
    if (verb->letter != 'v') return refuse(verb, value);
    put(verb, "<nil>", 5, verb->zero);
}

static void show_flag(const struct verb *verb, const struct value *value) {
    if (verb->letter != 'v' && verb->letter != 't') return refuse(verb, value);
    put(verb, value->flag ? "true" : "false", value->flag ? 4 : 5, verb->zero);
}

// depth 0: the argument itself.
static void show(const struct verb *verb, const struct value *value, int depth) {
    if (verb->out->len > PRINT_MAX && !verb->whole) return;
    if (verb->letter == 'T' && !depth) {
        bool nil = value->kind == VALUE_NONE || value_is(value, "interface {}");
        return put(verb, nil ? "<nil>" : value->type, nil ? 5 : strlen(value->type), verb->zero);
    }
    switch (value->kind) {
    case VALUE_NONE:
    case VALUE_NIL: return show_nil(verb, value, depth);
    case VALUE_FLAG: return show_flag(verb, value);
    case VALUE_INTEGER:
        if (value_is(value, "time.Duration") && (verb->letter == 'v' || verb->letter == 's'))
            return put_duration(verb, value->integer);
        return show_integer(verb, value);
    case VALUE_REAL: return show_real(verb, value);
    case VALUE_TEXT: return show_text(verb, value);
    case VALUE_LIST: return show_list(verb, value, depth);
    case VALUE_MAP: return show_map(verb, value, depth);
    case VALUE_STRUCT:
    case VALUE_ROW: return show_struct(verb, value, depth);
    }
}

// Print

void print_value(const struct value *value, struct str *out) {
    struct verb verb = {.out = out, .letter = 'v', .whole = true};
    if (value->kind == VALUE_NONE || (value->kind == VALUE_NIL && value_is(value, "interface {}")))
        return str_add(out, "<no value>");
    show(&verb, value, 1); // as what a pointer points to
}

void print_all(const struct value *values, size_t count, struct str *out) {
    struct verb verb = {.out = out, .letter = 'v'};
    for (size_t i = 0; i < count; i++) {
        if (i && values[i - 1].kind != VALUE_TEXT && values[i].kind != VALUE_TEXT) str_add_char(out, ' ');
        show(&verb, &values[i], 0);
    }
}

void print_line(const struct value *values, size_t count, struct str *out) {
    struct verb verb = {.out = out, .letter = 'v'};
    for (size_t i = 0; i < count; i++) {
        if (i) str_add_char(out, ' ');
        show(&verb, &values[i], 0);
    }
    str_add_char(out, '\n');
}

// Printf

struct format {
    const char *p, *end;
    const struct value *values;
    size_t count, next;
    bool reordered, good_index, after_index;
    struct str *out;
};

static bool flag(struct verb *verb, char c) {
    switch (c) {
    case '#': return verb->sharp = true;
    case '0': return verb->zero = true;
    case '+': return verb->plus = true;
    case '-': return verb->minus = true;
    case ' ': return verb->space = true;
    default: return false;
    }
}

// Decimal digits; too large a number is none.
static bool number(struct format *f, int *ret_number) {
    int64_t value = 0;
    bool any = false;
    for (; f->p < f->end && *f->p >= '0' && *f->p <= '9'; f->p++) {
        any = true;
        if (value > NUMBER_MAX) return *ret_number = 0, f->p = f->end, false; // as Go does
        value = value * 10 + (*f->p - '0');
    }
    *ret_number = any ? (int)value : 0;
    return any;
}

// "[3]": the argument that comes next.
static void argument_index(struct format *f) {
    f->after_index = false;
    if (f->p >= f->end || *f->p != '[') return;
    f->reordered = true;
    const char *close = memchr(f->p, ']', (size_t)(f->end - f->p));
    if (!close || f->end - f->p < 3) {
        f->good_index = false;
        f->p++;
        return;
    }
    int index;
    f->p++;
    bool good = number(f, &index) && f->p == close;
    f->p = close + 1;
    f->after_index = good;
    if (good && index > 0 && (size_t)index <= f->count)
        f->next = (size_t)index - 1;
    else
        f->good_index = false;
}

// "*": a number out of the arguments.
static bool number_argument(struct format *f, int *ret_number) {
    f->p++;
    *ret_number = 0;
    if (f->next >= f->count) return false;
    const struct value *value = &f->values[f->next++];
    if (value->kind != VALUE_INTEGER || llabs(value->integer) > NUMBER_MAX) return false;
    *ret_number = (int)value->integer;
    return true;
}

static void read_width(struct format *f, struct verb *verb) {
    argument_index(f);
    if (f->p >= f->end || *f->p != '*') {
        verb->has_width = number(f, &verb->width);
        if (f->after_index && verb->has_width) f->good_index = false; // "%[3]2d"
        return;
    }
    verb->has_width = number_argument(f, &verb->width);
    if (!verb->has_width) str_add(f->out, "%!(BADWIDTH)");
    if (verb->width < 0) {
        verb->width = -verb->width;
        verb->minus = true;
    }
    f->after_index = false;
}

static void read_precision(struct format *f, struct verb *verb) {
    if (f->end - f->p < 2 || *f->p != '.') return;
    f->p++;
    if (f->after_index) f->good_index = false;
    argument_index(f);
    if (f->p < f->end && *f->p == '*') {
        verb->has_precision = number_argument(f, &verb->precision);
        if (verb->precision < 0) verb->has_precision = false;
        if (!verb->has_precision) str_add(f->out, "%!(BADPREC)");
        f->after_index = false;
    } else {
        number(f, &verb->precision);
        verb->has_precision = true;
    }
}

static void one_verb(struct format *f) {
    struct verb verb = {.out = f->out};
    size_t bytes;
    f->good_index = true;
    f->after_index = false;
    while (f->p < f->end && flag(&verb, *f->p)) f->p++;
    read_width(f, &verb);
    read_precision(f, &verb);
    if (!f->after_index) argument_index(f);
    if (f->p >= f->end) return str_add(f->out, "%!(NOVERB)");
    verb.letter = rune_decode(f->p, (size_t)(f->end - f->p), &bytes);
    f->p += bytes;
    if (verb.minus) verb.zero = false;
    if (verb.letter == '%') return str_add_char(f->out, '%');
    if (!f->good_index || f->next >= f->count) {
        str_add(f->out, "%!");
        rune_add(f->out, verb.letter);
        return str_add(f->out, f->good_index ? "(MISSING)" : "(BADINDEX)");
    }
    if (verb.letter == 'v') {
        verb.source = verb.sharp;
        verb.named = verb.plus;
        verb.sharp = verb.plus = false;
    }
    show(&verb, &f->values[f->next++], 0);
}

static void extra(struct format *f) {
    struct verb verb = {.out = f->out, .letter = 'v'};
    str_add(f->out, "%!(EXTRA ");
    for (size_t i = f->next; i < f->count; i++) {
        const struct value *value = &f->values[i];
        if (i > f->next) str_add(f->out, ", ");
        bool nil = value->kind == VALUE_NONE || value_is(value, "interface {}");
        if (!nil) str_printf(f->out, "%s=", value->type);
        show(&verb, value, 0);
    }
    str_add_char(f->out, ')');
}

void print_format(const char *format, size_t size, const struct value *values, size_t count,
                  struct str *out) {
    struct format f = {.p = format, .end = format + size, .values = values, .count = count, .out = out};
    while (f.p < f.end) {
        const char *percent = memchr(f.p, '%', (size_t)(f.end - f.p));
        size_t plain = percent ? (size_t)(percent - f.p) : (size_t)(f.end - f.p);
        str_add_n(out, f.p, plain);
        f.p += plain;
        if (!percent) break;
        f.p++;
        one_verb(&f);
    }
    if (!f.reordered && f.next < count) extra(&f);
}
