// SPDX-License-Identifier: Apache-2.0
// The numbers of CRIU's own messages (its rpc.proto, the interface that it keeps stable): those fields of a
// request, its options and an answer that hoy writes or reads.
#pragma once

enum criu_type {
    CRIU_DUMP = 1,
    CRIU_RESTORE = 2,
    CRIU_PRE_DUMP = 4, // the first of a series: the program waits for the next
    CRIU_NOTIFY = 6,
};

enum criu_request_field {
    CRIU_REQUEST_TYPE = 1,
    CRIU_REQUEST_OPTIONS = 2,
    CRIU_REQUEST_NOTIFY_SUCCESS = 3,
};

enum criu_answer_field {
    CRIU_ANSWER_TYPE = 1,
    CRIU_ANSWER_SUCCESS = 2,
    CRIU_ANSWER_RESTORE = 4, // 1: the pid
    CRIU_ANSWER_NOTIFY = 5,  // 1: the script's name, 2: a pid
    CRIU_ANSWER_ERRNO = 7,
    CRIU_ANSWER_MESSAGE = 9,
};

enum criu_option {
    CRIU_IMAGES_DIR_FD = 1,
    CRIU_PID = 2,
    CRIU_LEAVE_RUNNING = 3,
    CRIU_EXT_UNIX_SK = 4,
    CRIU_TCP_ESTABLISHED = 5,
    CRIU_EVASIVE_DEVICES = 6,
    CRIU_SHELL_JOB = 7,
    CRIU_FILE_LOCKS = 8,
    CRIU_LOG_LEVEL = 9,
    CRIU_LOG_FILE = 10,
    CRIU_PAGE_SERVER = 11, // 1: address, 2: port
    CRIU_NOTIFY_SCRIPTS = 12,
    CRIU_ROOT = 13,
    CRIU_PARENT_IMAGE = 14,
    CRIU_TRACK_MEMORY = 15,
    CRIU_AUTO_DEDUP = 16,
    CRIU_WORK_DIR_FD = 17,
    CRIU_LINK_REMAP = 18,
    CRIU_EXTERNAL_MOUNT = 23, // 1: key, 2: value
    CRIU_MANAGE_CGROUPS = 24,
    CRIU_CGROUP_ROOT = 25, // 1: controller, 2: path
    CRIU_SIBLING = 26,
    CRIU_INHERIT_FD = 27, // 1: key, 2: number
    CRIU_MANAGE_CGROUPS_MODE = 34,
    CRIU_EXTERNAL = 37,
    CRIU_EMPTY_NS = 38,
    CRIU_JOIN_NS = 39, // 1: namespace, 2: file
    CRIU_FREEZE_CGROUP = 44,
    CRIU_TCP_SKIP_IN_FLIGHT = 46,
    CRIU_LAZY_PAGES = 48,
    CRIU_STATUS_FD = 49,
    CRIU_ORPHAN_PTS_MASTER = 50,
    CRIU_CONFIG_FILE = 51,
    CRIU_LSM_PROFILE = 53,
    CRIU_LSM_MOUNT_CONTEXT = 63,
    CRIU_NETWORK_LOCK = 64,
};
