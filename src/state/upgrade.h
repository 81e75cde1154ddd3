// SPDX-License-Identifier: Apache-2.0
// A database of an earlier hoy becomes one of this.
#pragma once

#include "base/macro.h"
#include "state/db.h"

#define UPGRADE_FROM       2 // the oldest; from there on through each
#define SCHEMA_VERSION     6
#define SCHEMA_SET_VERSION "PRAGMA user_version = " TEXT_OF(SCHEMA_VERSION)

// root: the database's directory. Whole or not at all; whoever comes second finds it done. Containers that
// still run are the other hoy's to stop: ERR_CONFLICT, and nothing has changed.
int db_upgrade(struct db *db, const char *root, struct err *err);

// db.c: several statements without rows; doing is for the sentence: "make".
int db_exec(struct db *db, const char *sql, struct err *err, const char *doing);
// What a pragma says.
int db_pragma(struct db *db, const char *sql, int64_t *ret_value, struct err *err);
