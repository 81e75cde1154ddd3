// SPDX-License-Identifier: Apache-2.0
// systemd answers a request with the path of a job, and says by a signal when and how the job ended. The
// signal may come before the answer is read, so what it says is listened to from before the request.
#include "systemd/unit.h"

#include "base/clock.h"
#include "base/str.h"
#include "systemd/variant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEMD    "org.freedesktop.systemd1"
#define MANAGER    "/org/freedesktop/systemd1", SYSTEMD ".Manager"
#define TIMEOUT_NS UINT64_C(30000000000)

struct job {
    const char *unit; // the name, as the signal has it
    char result[32];  // "done", "failed", "canceled" …; "" while it goes on
    char path[256];
};

static void bus_unrefp(sd_bus **bus) {
    sd_bus_unref(*bus);
}

static void message_unrefp(sd_bus_message **m) {
    sd_bus_message_unref(*m);
}

static void slot_unrefp(sd_bus_slot **slot) {
    sd_bus_slot_unref(*slot);
}

static int fail(struct err *err, const char *what, const char *unit, const sd_bus_error *error, int r) {
    return err_set(err, ERR_SYSTEM, 0, "systemd can't %s %s: %s", what, unit,
                   error && error->message ? error->message : strerror(-r));
}

static int open_user(const char *address, sd_bus **ret_bus) {
    _cleanup_(bus_unrefp) sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);
    if (r >= 0) r = sd_bus_set_address(bus, address);
    if (r >= 0) r = sd_bus_set_bus_client(bus, true);
    if (r >= 0) r = sd_bus_start(bus);
    if (r < 0) return r;
    *ret_bus = bus;
    bus = NULL;
    return 0;
}

int unit_connect(const char *user_bus, sd_bus **ret_bus, struct err *err) {
    int r = user_bus ? open_user(user_bus, ret_bus) : sd_bus_open_system(ret_bus);
    if (r >= 0) return 0;
    return err_set(err, ERR_UNAVAILABLE, 0, "systemd's %s bus can't be reached%s%s: %s",
                   user_bus ? "user" : "system", user_bus ? " at " : "", user_bus ? user_bus : "",
                   strerror(-r));
}

// Jobs

static int on_removed(sd_bus_message *m, void *data, sd_bus_error *error) {
    (void)error;
    struct job *job = data;
    const char *path, *unit, *result;
    uint32_t id;
    if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 || strcmp(unit, job->unit) != 0)
        return 0;
    // Another's job for the same unit may end first.
    if (job->path[0] && strcmp(path, job->path) != 0) return 0;
    snprintf(job->result, sizeof job->result, "%s", result);
    return 0;
}

static int job_listen(sd_bus *bus, struct job *job, sd_bus_slot **ret_slot) {
    int r = sd_bus_match_signal(bus, ret_slot, SYSTEMD, MANAGER, "JobRemoved", on_removed, job);
    // systemd sends signals only while somebody has asked for them.
    return r < 0 ? r : sd_bus_call_method(bus, SYSTEMD, MANAGER, "Subscribe", NULL, NULL, NULL);
}

static int job_wait(sd_bus *bus, struct job *job) {
    uint64_t deadline_ns = clock_monotonic_ns() + TIMEOUT_NS;
    while (!job->result[0]) {
        int r = sd_bus_process(bus, NULL);
        if (r < 0) return r;
        if (r > 0) continue;
        uint64_t now = clock_monotonic_ns();
        if (now >= deadline_ns) return -ETIMEDOUT;
        r = sd_bus_wait(bus, (deadline_ns - now) / 1000);
        if (r < 0 && r != -EINTR) return r;
    }
    return 0;
}

static int job_finish(sd_bus *bus, struct job *job, const char *what, sd_bus_message *reply,
                      struct err *err) {
    const char *path;
    int r = sd_bus_message_read(reply, "o", &path);
    if (r >= 0) snprintf(job->path, sizeof job->path, "%s", path);
    if (r >= 0) r = job_wait(bus, job);
    if (r < 0) return fail(err, what, job->unit, NULL, r);
    if (strcmp(job->result, "done") == 0) return 0;
    return err_set(err, ERR_SYSTEM, 0, "systemd can't %s %s: its job ended as \"%s\"", what, job->unit,
                   job->result);
}

static void forget_failure(sd_bus *bus, const char *unit) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_call_method(bus, SYSTEMD, MANAGER, "ResetFailedUnit", &error, NULL, "s", unit);
    sd_bus_error_free(&error);
}

// Properties

static int append_property(sd_bus_message *m, const struct unit_property *property, struct err *err) {
    int r = sd_bus_message_open_container(m, 'r', "sv");
    if (r >= 0) r = sd_bus_message_append(m, "s", property->name);
    if (r >= 0) r = variant_append(m, property->value);
    if (r >= 0) r = sd_bus_message_close_container(m);
    if (r >= 0) return 0;
    return err_set(err, ERR_INVALID, 0, "the systemd property %s: \"%s\" is no value in GVariant's text form",
                   property->name, property->value);
}

static int append_properties(sd_bus_message *m, const struct unit_properties *properties, struct err *err) {
    for (size_t i = 0; i < properties->count; i++) {
        if (append_property(m, &properties->items[i], err) < 0) return -1;
    }
    return 0;
}

// What every container's scope has. The dependencies are what would stop it before the container manager's
// own end at shutdown.
static int append_start(sd_bus_message *m, const char *unit, const char *slice, unsigned pid) {
    int r = sd_bus_message_append(m, "ss", unit, "fail");
    if (r >= 0) r = sd_bus_message_open_container(m, 'a', "(sv)");
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", unit, "Slice", "s", slice,
                                  "Delegate", "b", 1, "DefaultDependencies", "b", 0, "PIDs", "au", 1, pid);
    if (r >= 0)
        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "MemoryAccounting", "b", 1, "CPUAccounting", "b", 1,
                                  "IOAccounting", "b", 1, "TasksAccounting", "b", 1);
    return r;
}

static int read_group(sd_bus *bus, const char *unit, char **ret_group, struct err *err) {
    char *path = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
    if (r >= 0)
        r = sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Scope", "ControlGroup", &error,
                                       ret_group);
    free(path);
    if (r < 0) fail(err, "tell the cgroup of", unit, &error, r);
    sd_bus_error_free(&error);
    return r < 0 ? -1 : 0;
}

// Requests

int unit_start(sd_bus *bus, const char *unit, const char *slice, unsigned pid,
               const struct unit_properties *properties, char **ret_group, struct err *err) {
    _cleanup_(message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
    _cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    struct job job = {.unit = unit};
    forget_failure(bus, unit);
    int r = job_listen(bus, &job, &slot);
    if (r >= 0) r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, MANAGER, "StartTransientUnit");
    if (r >= 0) r = append_start(m, unit, slice, pid);
    if (r >= 0 && append_properties(m, properties, err) < 0) return -1;
    if (r >= 0) r = sd_bus_message_close_container(m);
    if (r >= 0) r = sd_bus_message_append(m, "a(sa(sv))", 0);
    if (r >= 0) r = sd_bus_call(bus, m, TIMEOUT_NS / 1000, &error, &reply);
    if (r < 0) return fail(err, "start", unit, &error, r);
    if (job_finish(bus, &job, "start", reply, err) < 0) return -1;
    return read_group(bus, unit, ret_group, err);
}

int unit_stop(sd_bus *bus, const char *unit, struct err *err) {
    _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    struct job job = {.unit = unit};
    int r = job_listen(bus, &job, &slot);
    if (r >= 0)
        r = sd_bus_call_method(bus, SYSTEMD, MANAGER, "StopUnit", &error, &reply, "ss", unit, "replace");
    if (sd_bus_error_has_name(&error, SYSTEMD ".NoSuchUnit")) return 0;
    if (r < 0) return fail(err, "stop", unit, &error, r);
    if (job_finish(bus, &job, "stop", reply, err) < 0) return -1;
    forget_failure(bus, unit);
    return 0;
}

int unit_set(sd_bus *bus, const char *unit, const struct unit_properties *properties, struct err *err) {
    _cleanup_(message_unrefp) sd_bus_message *m = NULL;
    _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, MANAGER, "SetUnitProperties");
    if (r >= 0) r = sd_bus_message_append(m, "sb", unit, 1);
    if (r >= 0) r = sd_bus_message_open_container(m, 'a', "(sv)");
    if (r >= 0 && append_properties(m, properties, err) < 0) return -1;
    if (r >= 0) r = sd_bus_message_close_container(m);
    if (r >= 0) r = sd_bus_call(bus, m, TIMEOUT_NS / 1000, &error, NULL);
    return r < 0 ? fail(err, "change", unit, &error, r) : 0;
}
