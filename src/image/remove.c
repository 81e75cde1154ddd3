// SPDX-License-Identifier: Apache-2.0
// `hoy rmi`, with Docker's rules of what is a conflict.
#include "image/event.h"
#include "image/removal.h"
#include "registry/reference.h"

#include <string.h>

struct rmi {
    struct removal removal;
    struct image image;
    const char *container; // one that uses the image, or NULL
    bool container_runs;
};

static int conflict(struct rmi *rmi, const char *how, const char *why, struct err *err) {
    return err_set(err, ERR_CONFLICT, 0, "conflict: unable to delete %.*s (%s) - %s%s%.*s", SHORT_ID,
                   digest_hex(rmi->image.id), how, why, rmi->container ? " " : "", SHORT_ID,
                   rmi->container ? rmi->container : "");
}

static int find_container(struct rmi *rmi, struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    if (db_query(rmi->removal.store->db, &rows, err,
                 "SELECT id, state IN ('running', 'starting') AS runs FROM container WHERE image_id = ? "
                 "ORDER BY runs DESC LIMIT 1",
                 "s", rmi->image.id))
        return -1;
    int r = db_next(&rows, err);
    if (r > 0) {
        rmi->container = arena_strdup(&rmi->removal.arena, db_text(&rows, 0));
        rmi->container_runs = db_i64(&rows, 1);
    }
    return r < 0 ? -1 : 0;
}

// Names

// Docker's isSingleReference: at most one tag, and digests of the same repository only.
static bool is_single(struct rmi *rmi) {
    const struct strings *names = &rmi->image.names, *digests = &rmi->image.digests;
    if (names->count + digests->count <= 1) return true;
    if (names->count > 1 || !digests->count) return false;
    const char *only = names->count ? names->items[0] : digests->items[0];
    for (size_t i = 0; i < digests->count; i++)
        if (!str_eq(removal_repository(&rmi->removal, only),
                    removal_repository(&rmi->removal, digests->items[i])))
            return false;
    return true;
}

// With the last tag of a repository its digests go, too.
static int remove_digests_of(struct rmi *rmi, const char *repository, struct err *err) {
    struct image *image = &rmi->image;
    for (size_t i = 0; i < image->names.count; i++)
        if (str_eq(removal_repository(&rmi->removal, image->names.items[i]), repository)) return 0;
    for (size_t i = image->digests.count; i-- > 0;)
        if (str_eq(removal_repository(&rmi->removal, image->digests.items[i]), repository) &&
            removal_untag(&rmi->removal, &image->digests, i, err))
            return -1;
    return 0;
}

// What name means among the image's own names: the list and the place in it. false: it is an id.
static bool find_name(struct rmi *rmi, const char *name, struct strings **ret_list, size_t *ret_index) {
    struct reference reference;
    struct err unused;
    if (reference_parse(&rmi->removal.arena, name, &reference, &unused)) return false;
    const char *full = reference.digest ? arena_printf(&rmi->removal.arena, "%s@%s",
                                                       reference_repository(&rmi->removal.arena, &reference),
                                                       reference.digest)
                                        : reference_full(&rmi->removal.arena, &reference);
    struct strings *list = reference.digest ? &rmi->image.digests : &rmi->image.names;
    for (size_t i = 0; i < list->count; i++) {
        if (!str_eq(list->items[i], full)) continue;
        *ret_list = list;
        *ret_index = i;
        return true;
    }
    return false;
}

// Returns 1 when the image goes as well, 0 when only the name went, -1.
static int untag(struct rmi *rmi, const char *name, struct strings *list, size_t index, bool force,
                 struct err *err) {
    if (!force && rmi->container && is_single(rmi))
        return err_set(err, ERR_CONFLICT, 0,
                       "conflict: unable to remove repository reference \"%s\" (must force) - container %.*s "
                       "is using its referenced image %.*s",
                       name, SHORT_ID, rmi->container, SHORT_ID, digest_hex(rmi->image.id));
    const char *repository = removal_repository(&rmi->removal, list->items[index]);
    bool tag = list == &rmi->image.names;
    if (removal_untag(&rmi->removal, list, index, err)) return -1;
    if (tag && remove_digests_of(rmi, repository, err)) return -1;
    return !rmi->image.names.count && !rmi->image.digests.count && !rmi->container;
}

static int untag_all(struct rmi *rmi, bool force, struct err *err) {
    if (rmi->container && rmi->container_runs)
        return conflict(rmi, "cannot be forced", "image is being used by running container", err);
    if (!force && rmi->container)
        return conflict(rmi, "must be forced", "image is being used by stopped container", err);
    if (!force && !is_single(rmi))
        return conflict(rmi, "must be forced", "image is referenced in multiple repositories", err);
    if (removal_untag_all(&rmi->removal, &rmi->image, err)) return -1;
    return !rmi->container;
}

// Somebody looks at the files of one that is mounted.
static int leave_mount(struct rmi *rmi, bool force, struct err *err) {
    const char *path = image_mount_path(rmi->removal.store, &rmi->removal.arena, &rmi->image);
    if (path && force) return image_unmount(rmi->removal.store, &rmi->image, err);
    return path ? err_set(err, ERR_CONFLICT, 0,
                          "conflict: unable to delete %.*s (must be forced) - image is mounted at %s",
                          SHORT_ID, digest_hex(rmi->image.id), path)
                : 0;
}

// One transaction. 1 when the image's files are to go.
static int remove_rows(struct rmi *rmi, const char *name, bool force, struct err *err) {
    struct strings *list;
    size_t index;
    if (image_find(rmi->removal.store, &rmi->removal.arena, name, &rmi->image, err)) return -1;
    if (find_container(rmi, err)) return -1;
    int r = find_name(rmi, name, &list, &index) ? untag(rmi, name, list, index, force, err)
                                                : untag_all(rmi, force, err);
    if (r <= 0) return r;
    if (leave_mount(rmi, force, err)) return -1;
    return removal_delete(&rmi->removal, &rmi->image, err) || removal_write(&rmi->removal, err) ? -1 : 1;
}

static void rmi_finish(struct rmi *rmi) {
    removal_finish(&rmi->removal);
}

int image_remove(struct store *store, const char *name, bool force,
                 void (*removed)(const char *line, void *data), void *data, struct err *err) {
    _cleanup_(rmi_finish) struct rmi rmi = {.removal = REMOVAL_INIT(store)};
    image_try_recover(store);
    if (db_begin(store->db, err)) return -1;
    int r = remove_rows(&rmi, name, force, err);
    if (r < 0 || db_commit(store->db, err)) {
        db_rollback(store->db);
        return -1;
    }
    image_events_removed(store, &rmi.image, rmi.removal.lines.items, rmi.removal.lines.count);
    for (size_t i = 0; i < rmi.removal.lines.count; i++) removed(rmi.removal.lines.items[i], data);
    return r ? removal_apply(&rmi.removal, err) : 0;
}
