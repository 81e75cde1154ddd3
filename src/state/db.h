// SPDX-License-Identifier: Apache-2.0
// <root>/hoy.db: SQLite in WAL mode, shared by any number of hoy processes. Short transactions only, never
// around anything slow. The schema is schema.sql beside this file.
//
// Durability: commits are ordered, not flushed one by one (synchronous=NORMAL), except db_commit_durable().
// Closing never checkpoints; a commit that finds the log long does.
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct db;

// Opens <root>/hoy.db, and makes it (mode 0600) when it is not there; refuses a database of another schema,
// and what is no database of hoy, by name. Single-threaded callers only.
int db_open(const char *root, struct db **ret_db, struct err *err);
void db_closep(struct db **db);

// BEGIN IMMEDIATE, with a deadline of 60 s for other writers. Not nested. Without db_commit() the scope's end
// takes everything back:
//   _cleanup_(db_rollbackp) struct db *transaction = db;
// Read rows to their end (or finish them) before a db_begin, or a db_run outside a transaction: SQLite
// refuses to write on top of a read that is older than somebody else's write.
int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
int db_commit_durable(struct db *db, struct err *err); // on the disk when it returns
bool db_in_transaction(const struct db *db);
void db_rollback(struct db *db); // nothing outside a transaction
void db_rollbackp(struct db **db);

// Statements are compiled once a process and text. Arguments follow `types`, a letter each:
//   s const char * (NULL is NULL)   i int64_t   b const void *, size_t   n nothing: NULL
// db_run is for statements without rows: returns the number of rows changed or -1.
int db_run(struct db *db, struct err *err, const char *sql, const char *types, ...);
#define db_do(...) (db_run(__VA_ARGS__) < 0 ? -1 : 0) // who does not care how many

// Compiles a statement before it is needed: for moments with nothing else to do.
void db_compile(struct db *db, const char *sql);

// Rows:
//   _cleanup_(db_rows_finish) struct db_rows rows = {0};
//   if (db_query(db, &rows, err, "SELECT …", "s", name)) return -1;
//   while ((r = db_next(&rows, err)) > 0) … db_text(&rows, 0) …
struct db_rows {
    void *statement;
};
int db_query(struct db *db, struct db_rows *ret_rows, struct err *err, const char *sql, const char *types,
             ...);
// Whoever is about to read much of the database says so first: it is mapped then, and no longer read page by
// page. For a few rows the mapping costs more than it saves.
void db_expect_much(struct db *db);
int db_next(struct db_rows *rows, struct err *err); // 1: a row, 0: the end, -1
void db_rows_finish(struct db_rows *rows);
// The number of the first row, or only whether there is one (ret_number NULL): 1, 0 without a row, -1.
int db_number(struct db *db, int64_t *ret_number, struct err *err, const char *sql, const char *types, ...);
// The text of the first row, copied into the arena: 1, 0 without a row, -1.
int db_word(struct db *db, struct arena *arena, const char **ret_text, struct err *err, const char *sql,
            const char *types, ...);
// All texts of the only column are added to the list, in the arena. 0 or -1.
int db_texts(struct db *db, struct arena *arena, struct strings *list, struct err *err, const char *sql,
             const char *types, ...);
const char *db_text(const struct db_rows *rows, int column); // NULL for NULL; good until the next db_next
int64_t db_i64(const struct db_rows *rows, int column);
const void *db_blob(const struct db_rows *rows, int column, size_t *ret_size);
// Was the last failure a broken UNIQUE or PRIMARY KEY rule?
bool db_is_duplicate(const struct db *db);
