# SQL as a C string literal, a line each. Without comments: the database keeps the text, and every opening parses it.
s/ *--.*//
/^$/d
s/  */ /g
s/[\\"]/\\&/g
s/.*/"&\\n"/
