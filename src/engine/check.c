// SPDX-License-Identifier: Apache-2.0
// system check: whether the rows and the files of the store tell the same story.
#include "engine/usage.h"

#include "engine/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// Every row of a query is a problem.
static int check_rows(struct engine *engine, struct arena *arena, struct strings *problems, struct err *err) {
    static const char *const questions[] = {
        "SELECT 'hoy.db: ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
        "SELECT 'hoy.db: a row of ' || \"table\" || ' refers to nothing in ' || parent FROM "
        "pragma_foreign_key_check",
        "SELECT 'layer ' || diff_id || ' belongs to no image' FROM layer WHERE NOT EXISTS "
        "(SELECT 1 FROM image_layer WHERE image_layer.diff_id = layer.diff_id)",
        "SELECT 'container ' || id || ' has an image that is not there' FROM container WHERE NOT EXISTS "
        "(SELECT 1 FROM image WHERE image.id = container.image_id)",
        // Those of nobody are gateways.
        "SELECT DISTINCT 'network ' || name || ' has an address for container ' || container_id || ', which "
        "is "
        "not there' FROM address JOIN network ON network.id = network WHERE container_id <> '' AND "
        "NOT EXISTS (SELECT 1 FROM container WHERE container.id = address.container_id)",
        "SELECT 'network ' || name || ' has an endpoint of container ' || container_id || ', which is not "
        "there' "
        "FROM endpoint JOIN network ON network.id = network WHERE "
        "NOT EXISTS (SELECT 1 FROM container WHERE container.id = endpoint.container_id)",
        "SELECT 'port ' || host_port || ' is held for container ' || container_id || ', which is not there' "
        "FROM port WHERE NOT EXISTS (SELECT 1 FROM container WHERE container.id = port.container_id)",
        "SELECT 'container ' || container_id || ' uses volume ' || volume || ', which is not there' FROM "
        "volume_use WHERE NOT EXISTS (SELECT 1 FROM volume WHERE volume.name = volume_use.volume)",
    };
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
        if (db_texts(engine->store.db, arena, problems, err, questions[i], "")) return -1;
    return 0;
}

// What a row says is there.
static int check_files(struct engine *engine, struct arena *arena, struct strings *problems,
                       struct err *err) {
    _cleanup_(db_rows_finish) struct db_rows rows = {0};
    int r;
    if (db_query(engine->store.db, &rows, err,
                 "SELECT 'layers/' || substr(diff_id, 8), iif(driver = 'dir', -1, size) FROM layer "
                 "UNION SELECT 'blobs/sha256/' || substr(digest, 8), size FROM kept_blob "
                 "UNION SELECT 'containers/' || id, -1 FROM container "
                 "UNION SELECT 'volumes/' || name || '/_data', -1 FROM volume WHERE NOT removing",
                 ""))
        return -1;
    while ((r = db_next(&rows, err)) > 0) {
        const char *file = arena_strdup(arena, db_text(&rows, 0));
        int64_t size = db_i64(&rows, 1);
        struct stat st;
        if (fstatat(engine->store.root_fd, file, &st, AT_SYMLINK_NOFOLLOW))
            strings_add(arena, problems,
                        errno == ENOENT ? arena_printf(arena, "%s/%s is missing", engine->store.root, file)
                                        : arena_printf(arena, "%s/%s can't be looked at: %s",
                                                       engine->store.root, file, strerror(errno)));
        else if (size >= 0 && st.st_size != size)
            strings_add(arena, problems,
                        arena_printf(arena, "%s/%s has %lld bytes instead of %lld", engine->store.root, file,
                                     (long long)st.st_size, (long long)size));
    }
    return r;
}

int engine_check(struct engine *engine, struct arena *arena, struct strings *ret_problems, struct err *err) {
    struct strings problems = {0};
    struct disk_usage usage;
    struct containers settled;
    if (engine_recover(engine, true, err) || container_list(engine, arena, true, &settled, err) ||
        check_rows(engine, arena, &problems, err) || check_files(engine, arena, &problems, err) ||
        engine_disk_usage(engine, arena, &usage, err))
        return -1;
    for (size_t i = 0; i < usage.others.count; i++)
        if (usage.others.items[i].orphan)
            strings_add(arena, &problems,
                        arena_printf(arena, "%s/%s belongs to nothing", engine->store.root,
                                     usage.others.items[i].name));
    *ret_problems = problems;
    return 0;
}
