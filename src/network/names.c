// SPDX-License-Identifier: Apache-2.0
// The files of names, and the text that a resolver gets.
#include "network/names.h"

#include "base/fd.h"
#include "network/row.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER   "networks"
#define KEPT_MAX 65536

static void path_make(const char *network_id, const char *name, char ret_path[static PATH_MAX]) {
    snprintf(ret_path, PATH_MAX, FOLDER "/%s%s%s", network_id, *name ? "/" : "", name);
}

// A line is a word and a value: what would be two lines is not written.
static void line_add(struct str *text, const char *word, const char *value) {
    if (!strpbrk(value, "\n ")) str_printf(text, "%s %s\n", word, value);
}

static void lines_add(struct str *text, const char *word, const struct strings *values) {
    for (size_t i = 0; i < values->count; i++) line_add(text, word, values->items[i]);
}

int names_write(int runroot, const char *network_id, const char *container_id, const struct names *names,
                struct err *err) {
    char path[PATH_MAX];
    _cleanup_(str_finish) struct str text = {0};
    lines_add(&text, "address", &names->addresses);
    lines_add(&text, "name", &names->names);
    path_make(network_id, "", path);
    int r = dir_make_all_at(runroot, path, 0755);
    path_make(network_id, container_id, path);
    if (!r) r = file_replace_at(runroot, path, str_get(&text), text.len, 0644, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "write the names of container %.12s", container_id) : 0;
}

int names_remove(int runroot, const char *network_id, const char *container_id, struct err *err) {
    char path[PATH_MAX];
    path_make(network_id, container_id, path);
    return unlinkat(runroot, path, 0) && errno != ENOENT
               ? err_set(err, ERR_SYSTEM, errno, "remove the names of container %.12s", container_id)
               : 0;
}

int names_forget(int runroot, const char *network_id, struct err *err) {
    char path[PATH_MAX];
    path_make(network_id, "", path);
    if (!faccessat(runroot, path, F_OK, 0) && resolver_is_there(runroot, network_id)) return 0;
    int r = dir_remove_all_at(runroot, path);
    return r ? err_set(err, ERR_SYSTEM, -r, "remove the names of network %.12s", network_id) : 0;
}

// A folder is there only after its network's row: what has none when the folder is seen is gone for good.
static int sweep_one(int runroot, struct db *db, struct arena *arena, const char *network_id,
                     struct err *err) {
    struct network network;
    if (strlen(network_id) != ID_SIZE - 1) return 0;
    int r = network_load_id(db, arena, network_id, &network, err);
    return r ? (r < 0 ? -1 : 0) : names_forget(runroot, network_id, err);
}

int names_sweep(int runroot, struct db *db, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(dir_closep) DIR *folder = NULL;
    int r = dir_open_at(runroot, FOLDER, &folder);
    if (r == -ENOENT) return 0;
    if (r) return err_set(err, ERR_SYSTEM, -r, "read the folder of networks' names");
    for (struct dirent *entry; !r && (entry = readdir(folder));)
        r = sweep_one(runroot, db, &arena, entry->d_name, err);
    return r;
}

// "ndots:5". With 0 single words go to the servers, as without the option.
static bool has_ndots(const struct strings *options) {
    for (size_t i = 0; i < options->count; i++) {
        const char *value = str_after(options->items[i], "ndots:");
        if (value && strspn(value, "0") != strlen(value)) return true;
    }
    return false;
}

void names_text(const struct names_scope *scope, struct str *ret_text) {
    line_add(ret_text, "container", scope->container_id);
    for (size_t i = 0; i < scope->networks.count; i++) {
        const struct names_network *network = &scope->networks.items[i];
        str_printf(ret_text, "network %s %s%s\n", network->id, network->name,
                   network->internal ? " internal" : "");
    }
    for (size_t i = 0; i < scope->links.count; i++)
        str_printf(ret_text, "alias %s %s\n", scope->links.items[i].name, scope->links.items[i].target);
    lines_add(ret_text, "gateway", &scope->gateways);
    lines_add(ret_text, "server", &scope->servers);
    if (has_ndots(&scope->options)) str_add(ret_text, "ndots\n");
}

// Kept

static void kept_path(const char *container_id, char ret_path[static PATH_MAX]) {
    snprintf(ret_path, PATH_MAX, "containers/%s/resolver", container_id);
}

int names_keep(int runroot, const char *container_id, const char *network_id, const char *text,
               struct err *err) {
    char path[PATH_MAX];
    _cleanup_(str_finish) struct str kept = {0};
    kept_path(container_id, path);
    str_printf(&kept, "%s\n%s", network_id, text);
    int r = file_replace_at(runroot, path, str_get(&kept), kept.len, 0600, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "keep the names of container %.12s", container_id) : 0;
}

int names_kept(int runroot, const char *container_id, char ret_network_id[static ID_SIZE],
               struct str *ret_text) {
    char path[PATH_MAX];
    _cleanup_(str_finish) struct str kept = {0};
    kept_path(container_id, path);
    int r = file_read_at(runroot, path, KEPT_MAX, &kept);
    if (r) return r;
    if (kept.len < ID_SIZE || kept.data[ID_SIZE - 1] != '\n') return -EINVAL;
    memcpy(ret_network_id, kept.data, ID_SIZE - 1);
    ret_network_id[ID_SIZE - 1] = '\0';
    str_add(ret_text, kept.data + ID_SIZE);
    return 0;
}

static void left_path(const char *container_id, char ret_path[static PATH_MAX]) {
    snprintf(ret_path, PATH_MAX, "containers/%s/resolver.left", container_id);
}

int names_leave(int runroot, const char *container_id, const char *network_id, struct err *err) {
    char path[PATH_MAX];
    left_path(container_id, path);
    int r = file_replace_at(runroot, path, network_id, strlen(network_id), 0600, false);
    return r ? err_set(err, ERR_SYSTEM, -r, "write %s", path) : 0;
}

void names_forget_left(int runroot, const char *container_id) {
    char path[PATH_MAX];
    _cleanup_(str_finish) struct str network_id = {0};
    left_path(container_id, path);
    if (file_read_at(runroot, path, ID_SIZE, &network_id)) return;
    resolver_forget(runroot, str_get(&network_id), container_id);
    unlinkat(runroot, path, 0);
}
