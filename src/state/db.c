// SPDX-License-Identifier: Apache-2.0
// SQLite, used so that a command pays as little as possible for it:
//
// The file is made once, under another name, with its schema and in WAL mode, and then renamed: hoy.db is
// absent or whole, and an opener has nothing to decide and no journal mode to set. After that nobody holds
// the database open for long: a command is often the only one, and then SQLite reads the log again to rebuild
// its index. So the log is kept short: whoever makes it longer than LOG_PAGES writes it back into the
// database and begins it again, unless others read it. SQLite would leave that to the next writer of the same
// process, which there may never be.
//
// Many writers: SQLite has one at a time and tells the others "busy". busy_wait() sleeps and tries again
// until a deadline; this is the one place in hoy where a sleep is right, as file locks of SQLite have no
// queue to wait in.
//
// A full disk: what ends or removes something is written all the same, into room that the three files have
// already and never give back. The log is LOG_BYTES long. The database has SPARE_BYTES beyond its end, for
// the pages that so far are only in the log. The log, and its index, which is mapped, are emptied where
// SQLite would cut them off and let them grow again.
#include "state/db.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "state/upgrade.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID 0x686f7921 // "hoy!"
#define LOG_PAGES      200
#define LOG_BYTES      (1 << 20)
#define SPARE_BYTES    (1 << 18)
#define LOG_HEAD       32 // without it a log is none
#define INDEX_BYTES    (1 << 15)
#define INDEX_HEAD     136 // the first bytes of the log's index say whether it is any
#define INDEX_CUT      3   // what SQLite cuts it to
#define MAPPED_BYTES   "67108864"
#define BUSY_NS        (60 * 1000000000ull)

static const char schema_text[] =
#include "schema.inc"
    ;

struct statement {
    struct db *db;
    struct statement *next;
    sqlite3_stmt *compiled;
    const char *sql; // the compiled statement's copy
    bool in_use;
};

struct db {
    sqlite3 *handle;
    struct statement *statements;
    uint64_t busy_until_ns;
    unsigned random;
    int result; // of the last failure
    char path[PATH_MAX];
};

static sqlite3_file *log_of(struct db *db) {
    sqlite3_file *log = NULL;
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    return log && log->pMethods ? log : NULL;
}

// To SQLite what the disk does not read is damaged; the next time it may.
static bool is_unread(struct db *db) {
    int code = 0, of_log = 0;
    sqlite3_file *log = log_of(db);
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &code);
    if (log) log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &of_log);
    return code == EIO || of_log == EIO;
}

// What a person reads, by SQLite's primary result code.
static int db_fail(struct db *db, struct err *err, const char *doing) {
    int result = sqlite3_errcode(db->handle), code = sqlite3_system_errno(db->handle);
    db->result = sqlite3_extended_errcode(db->handle);
    switch (result) {
    case SQLITE_FULL: return err_set(err, ERR_SYSTEM, ENOSPC, "%s %s", doing, db->path);
    case SQLITE_BUSY:
    case SQLITE_PROTOCOL:
        return err_set(err, ERR_UNAVAILABLE, 0, "%s %s: other commands have kept it busy for %llu s", doing,
                       db->path, BUSY_NS / 1000000000);
    case SQLITE_NOTADB:
        return err_set(err, ERR_INVALID, 0, "%s is no database: move it away, or choose another --root",
                       db->path);
    case SQLITE_CORRUPT:
        if (is_unread(db)) return err_set(err, ERR_SYSTEM, EIO, "%s %s", doing, db->path);
        return err_set(err, ERR_SYSTEM, 0, "%s is damaged (%s): move it away, and pull images again",
                       db->path, sqlite3_errmsg(db->handle));
    case SQLITE_READONLY: return err_set(err, ERR_SYSTEM, EROFS, "%s %s", doing, db->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (code) return err_set(err, ERR_SYSTEM, code, "%s %s", doing, db->path);
        break;
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_CONFLICT, 0, "%s %s: %s", doing, db->path, sqlite3_errmsg(db->handle));
    }
    return err_set(err, ERR_SYSTEM, 0, "%s %s: %s", doing, db->path, sqlite3_errmsg(db->handle));
}

// Growing and random, so that a hundred processes do not come back all at once: from 0.1 ms to 25 ms.
static int busy_wait(void *data, int count) {
    struct db *db = data;
    uint64_t now = clock_monotonic_ns();
    if (count == 0) db->busy_until_ns = now + BUSY_NS;
    if (now >= db->busy_until_ns) return 0;

    long most_us = 100L << (count < 8 ? count : 8);
    long us = 50 + rand_r(&db->random) % most_us;
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
    return 1;
}

// As good as cut off: zeros are no index, and no log.
static int empty(int fd, size_t size) {
    static const char zeros[INDEX_HEAD];
    return pwrite(fd, zeros, size, 0) == (ssize_t)size ? 0 : -1;
}

static int empty_index(int fd, const struct stat *st) {
    if (st->st_blocks * 512 < INDEX_BYTES) (void)!fallocate(fd, 0, 0, INDEX_BYTES);
    return empty(fd, st->st_size < INDEX_HEAD ? (size_t)st->st_size : INDEX_HEAD);
}

static int empty_log(int fd, const struct stat *st) {
    return st->st_size > LOG_BYTES && ftruncate(fd, LOG_BYTES) ? -1 : empty(fd, LOG_HEAD);
}

// SQLite's ftruncate(). What it asks for: INDEX_CUT; nothing, of a log; and the database's size, at the end
// of each checkpoint.
static int truncate_kept(int fd, off_t size) {
    struct stat st;
    if (fstat(fd, &st)) return -1;
    if (size == INDEX_CUT) return empty_index(fd, &st);
    if (size == 0 && st.st_size >= LOG_BYTES) return empty_log(fd, &st);
    if (size == 0 || size > st.st_size) return ftruncate(fd, size);
    // Not into its size: where there is no log SQLite takes that for what is written.
    if (st.st_blocks * 512 < size + SPARE_BYTES) (void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, size, SPARE_BYTES);
    return 0;
}

// After each commit. It has happened, whatever comes of this.
static int shorten_log(void *data, sqlite3 *handle, const char *name, int pages) {
    if (pages < LOG_PAGES) return SQLITE_OK;
    sqlite3_busy_handler(handle, NULL, NULL);
    sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_handler(handle, busy_wait, data);
    return SQLITE_OK;
}

// The log's room. Neither SQLite's locks nor what another process just adds to it are touched by that.
static void reserve_log(const struct db *db) {
    char log[sizeof db->path + 4];
    struct stat st;
    snprintf(log, sizeof log, "%s-wal", db->path);
    if (!stat(log, &st) && st.st_size >= LOG_BYTES) return;
    _cleanup_(fd_closep) int fd = fd_open_at(AT_FDCWD, log, O_WRONLY | O_NOFOLLOW, 0);
    if (fd >= 0) (void)!fallocate(fd, 0, 0, LOG_BYTES);
}

// One process, one thread: no mutexes, no statistics of memory, and no pages before they are wanted.
static void sqlite_setup(void) {
    static bool done;
    if (done) return;
    done = true;
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    if (vfs && vfs->iVersion >= 3) vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)truncate_kept);
}

int db_exec(struct db *db, const char *sql, struct err *err, const char *doing) {
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) ? db_fail(db, err, doing) : 0;
}

static int db_connect(struct db *db, const char *path, struct err *err) {
    sqlite_setup();
    snprintf(db->path, sizeof db->path, "%s", path);
    db->random = (unsigned)getpid() ^ (unsigned)clock_monotonic_ns();
    int r = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!db->handle) return err_set(err, ERR_SYSTEM, ENOMEM, "open %s", path);
    sqlite3_extended_result_codes(db->handle, 0);
    sqlite3_busy_handler(db->handle, busy_wait, db);
    return r ? db_fail(db, err, "open") : 0;
}

static void db_finish(struct db *db) {
    while (db->statements) {
        struct statement *s = db->statements;
        db->statements = s->next;
        sqlite3_finalize(s->compiled);
        free(s);
    }
    sqlite3_close_v2(db->handle);
    db->handle = NULL;
}

// Makes hoy.db whole under another name: closing folds its log into it and removes that.
static int db_fill(const char *path, struct err *err) {
    _cleanup_(db_finish) struct db db = {0};
    if (db_connect(&db, path, err)) return -1;
    if (db_exec(
            &db,
            "PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
            err, "make"))
        return -1;
    if (db_exec(&db, schema_text, err, "make") ||
        db_exec(&db, SCHEMA_SET_VERSION "; PRAGMA application_id = " TEXT_OF(APPLICATION_ID) "; COMMIT", err,
                "make"))
        return -1;
    return sqlite3_wal_checkpoint_v2(db.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL)
               ? db_fail(&db, err, "make")
               : 0;
}

static void fill_remove(int root) {
    unlinkat(root, "hoy.db.new", 0);
    unlinkat(root, "hoy.db.new-wal", 0);
    unlinkat(root, "hoy.db.new-shm", 0);
}

// One process makes it; the others wait at the lock and find it made.
static int db_make(const char *root, const char *path, struct err *err) {
    _cleanup_(fd_closep) int dir = fd_open_at(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0);
    if (dir < 0) return err_set(err, ERR_SYSTEM, -dir, "open %s", root);
    int r = fd_lock(dir, LOCK_EX);
    if (r) return err_set(err, ERR_SYSTEM, -r, "lock %s", root);
    if (!faccessat(dir, "hoy.db", F_OK, 0)) return 0;

    char fresh[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh)
        return err_set(err, ERR_SYSTEM, ENAMETOOLONG, "make %s", path);
    fill_remove(dir); // of a maker that was killed
    _cleanup_(fd_closep) int fd = fd_open_at(dir, "hoy.db.new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0) return err_set(err, ERR_SYSTEM, -fd, "make %s", path);
    r = db_fill(fresh, err);
    if (!r && renameat(dir, "hoy.db.new", dir, "hoy.db"))
        r = err_set(err, ERR_SYSTEM, errno, "make %s", path);
    if (!r && fsync(dir)) r = err_set(err, ERR_SYSTEM, errno, "make %s", path);
    if (r) fill_remove(dir);
    return r;
}

int db_pragma(struct db *db, const char *sql, int64_t *ret_value, struct err *err) {
    return db_number(db, ret_value, err, sql, "") < 0 ? -1 : 0;
}

static int db_check_version(struct db *db, const char *root, struct err *err) {
    int64_t application = 0, version = 0;
    if (db_pragma(db, "PRAGMA application_id", &application, err)) return -1;
    if (application != APPLICATION_ID)
        return err_set(err, ERR_INVALID, 0,
                       "%s is no database of hoy: move it away, or choose another --root", db->path);
    if (db_pragma(db, "PRAGMA user_version", &version, err)) return -1;
    if (version >= UPGRADE_FROM && version < SCHEMA_VERSION) return db_upgrade(db, root, err);
    if (version != SCHEMA_VERSION)
        return err_set(err, ERR_INVALID, 0, "%s was made by another hoy (schema %lld, this hoy knows %d)",
                       db->path, (long long)version, SCHEMA_VERSION);
    return 0;
}

int db_open(const char *root, struct db **ret_db, struct err *err) {
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/hoy.db", root) >= sizeof path)
        return err_set(err, ERR_SYSTEM, ENAMETOOLONG, "open %s/hoy.db", root);
    _cleanup_(db_closep) struct db *db = xmalloc(sizeof *db);
    *db = (struct db){0};
    if (access(path, F_OK) && errno == ENOENT && db_make(root, path, err)) return -1;
    if (db_connect(db, path, err)) return -1;
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_wal_hook(db->handle, shorten_log, db);
    if (db_check_version(db, root, err)) return -1;
    if (db_exec(db, "PRAGMA synchronous = NORMAL", err, "open")) return -1;
    reserve_log(db);
    *ret_db = take_ptr(db);
    return 0;
}

void db_closep(struct db **db) {
    if (*db) {
        db_finish(*db);
        free(*db);
    }
    *db = NULL;
}

// Statements

static struct statement *statement_find(struct db *db, const char *sql) {
    for (struct statement *s = db->statements; s; s = s->next)
        if (!s->in_use && strcmp(s->sql, sql) == 0) return s;
    return NULL;
}

static struct statement *statement_get(struct db *db, const char *sql, struct err *err) {
    struct statement *s = statement_find(db, sql);
    if (!s) {
        sqlite3_stmt *compiled = NULL;
        if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &compiled, NULL)) {
            db_fail(db, err, "read");
            return NULL;
        }
        s = xmalloc(sizeof *s);
        *s = (struct statement){
            .db = db, .next = db->statements, .compiled = compiled, .sql = sqlite3_sql(compiled)};
        db->statements = s;
    }
    s->in_use = true;
    return s;
}

static void statement_release(struct statement *s) {
    sqlite3_reset(s->compiled);
    sqlite3_clear_bindings(s->compiled);
    s->in_use = false;
}

// The arguments outlive the statement's run only for db_query: SQLite copies those.
static void statement_bind(struct statement *s, bool copy, const char *types, va_list args) {
    sqlite3_destructor_type keep = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;
    for (int i = 1; *types; types++, i++) {
        if (*types == 's') sqlite3_bind_text(s->compiled, i, va_arg(args, const char *), -1, keep);
        if (*types == 'i') sqlite3_bind_int64(s->compiled, i, va_arg(args, int64_t));
        if (*types == 'b') {
            const void *bytes = va_arg(args, const void *);
            sqlite3_bind_blob64(s->compiled, i, bytes, va_arg(args, size_t), keep);
        }
        if (*types == 'n') sqlite3_bind_null(s->compiled, i);
    }
}

// SQLITE_PROTOCOL: too many others came first while the log was opened. It is "busy" by another name.
static int statement_step(struct statement *s) {
    int r = sqlite3_step(s->compiled);
    for (int tries = 0; r == SQLITE_PROTOCOL && busy_wait(s->db, tries); tries++) {
        sqlite3_reset(s->compiled);
        r = sqlite3_step(s->compiled);
    }
    return r;
}

int db_run(struct db *db, struct err *err, const char *sql, const char *types, ...) {
    struct statement *s = statement_get(db, sql, err);
    if (!s) return -1;
    va_list args;
    va_start(args, types);
    statement_bind(s, false, types, args);
    va_end(args);
    int r = statement_step(s);
    int changed =
        r == SQLITE_DONE || r == SQLITE_ROW ? sqlite3_changes(db->handle) : db_fail(db, err, "write");
    statement_release(s);
    return changed;
}

static int query(struct db *db, struct db_rows *ret_rows, struct err *err, const char *sql, const char *types,
                 va_list args) {
    struct statement *s = statement_get(db, sql, err);
    if (!s) return -1;
    statement_bind(s, true, types, args);
    ret_rows->statement = s;
    return 0;
}

int db_query(struct db *db, struct db_rows *ret_rows, struct err *err, const char *sql, const char *types,
             ...) {
    va_list args;
    va_start(args, types);
    int r = query(db, ret_rows, err, sql, types, args);
    va_end(args);
    return r;
}

void db_compile(struct db *db, const char *sql) {
    struct err ignored;
    struct statement *s = statement_get(db, sql, &ignored);
    if (s) s->in_use = false;
}

void db_expect_much(struct db *db) {
    (void)sqlite3_exec(db->handle, "PRAGMA mmap_size = " MAPPED_BYTES, NULL, NULL, NULL);
}

int db_next(struct db_rows *rows, struct err *err) {
    struct statement *s = rows->statement;
    int r = statement_step(s);
    if (r == SQLITE_ROW) return 1;
    int result = r == SQLITE_DONE ? 0 : db_fail(s->db, err, "read");
    sqlite3_reset(s->compiled); // the read ends here, not at the scope's end
    return result;
}

void db_rows_finish(struct db_rows *rows) {
    if (rows->statement) statement_release(rows->statement);
    rows->statement = NULL;
}

int db_number(struct db *db, int64_t *ret_number, struct err *err, const char *sql, const char *types, ...) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    va_list args;
    va_start(args, types);
    int r = query(db, &rows, err, sql, types, args);
    va_end(args);
    if (r) return r;
    r = db_next(&rows, err);
    if (r > 0 && ret_number) *ret_number = db_i64(&rows, 0);
    return r;
}

int db_word(struct db *db, struct arena *arena, const char **ret_text, struct err *err, const char *sql,
            const char *types, ...) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    va_list args;
    va_start(args, types);
    int r = query(db, &rows, err, sql, types, args);
    va_end(args);
    if (r) return r;
    r = db_next(&rows, err);
    if (r > 0) *ret_text = arena_strdup(arena, db_text(&rows, 0));
    return r;
}

int db_texts(struct db *db, struct arena *arena, struct strings *list, struct err *err, const char *sql,
             const char *types, ...) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    va_list args;
    va_start(args, types);
    int r = query(db, &rows, err, sql, types, args);
    va_end(args);
    if (r) return r;
    while ((r = db_next(&rows, err)) > 0) strings_add(arena, list, arena_strdup(arena, db_text(&rows, 0)));
    return r;
}

static sqlite3_stmt *rows_compiled(const struct db_rows *rows) {
    return ((struct statement *)rows->statement)->compiled;
}

const char *db_text(const struct db_rows *rows, int column) {
    return (const char *)sqlite3_column_text(rows_compiled(rows), column);
}

int64_t db_i64(const struct db_rows *rows, int column) {
    return sqlite3_column_int64(rows_compiled(rows), column);
}

const void *db_blob(const struct db_rows *rows, int column, size_t *ret_size) {
    const void *bytes = sqlite3_column_blob(rows_compiled(rows), column);
    *ret_size = (size_t)sqlite3_column_bytes(rows_compiled(rows), column);
    return bytes;
}

bool db_is_duplicate(const struct db *db) {
    return db->result == SQLITE_CONSTRAINT_UNIQUE || db->result == SQLITE_CONSTRAINT_PRIMARYKEY;
}

// Transactions

int db_begin(struct db *db, struct err *err) {
    return db_do(db, err, "BEGIN IMMEDIATE", "");
}

int db_commit(struct db *db, struct err *err) {
    return db_do(db, err, "COMMIT", "");
}

// SQLite does not change PRAGMA synchronous inside a transaction; flushing the log after the commit is the
// same promise: what is before the flush in the log is on the disk, this commit included.
int db_commit_durable(struct db *db, struct err *err) {
    if (db_commit(db, err)) return -1;
    sqlite3_file *log = log_of(db);
    if (!log || log->pMethods->xSync(log, SQLITE_SYNC_NORMAL))
        return err_set(err, ERR_SYSTEM, EIO, "flush %s", db->path);
    return 0;
}

bool db_in_transaction(const struct db *db) {
    return !sqlite3_get_autocommit(db->handle);
}

void db_rollback(struct db *db) {
    struct err ignored;
    if (db_in_transaction(db)) (void)db_run(db, &ignored, "ROLLBACK", "");
}

void db_rollbackp(struct db **db) {
    if (*db) db_rollback(*db);
}
