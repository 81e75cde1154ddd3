// SPDX-License-Identifier: Apache-2.0
// Restart policies and health checks as settings: Docker's words for them, their JSON, and what a plan says
// of them to the shim.
#pragma once

#include "engine/engine.h"
#include "plan/plan.h"

// "no", "on-failure[:max-retries]", "always", "unless-stopped"; "" is "no". All that is wrong with one is
// said here, in Docker's words.
int restart_policy_parse(struct arena *arena, const char *text, struct restart_policy *ret_policy,
                         struct err *err);
void restart_policy_write(const struct restart_policy *policy, const char *key, struct json_writer *w);
int restart_policy_read(struct arena *arena, const struct json *json, struct restart_policy *ret_policy);

void health_config_write(const struct health_config *health, const char *key, struct json_writer *w);
// As an image's config has it; NULL for NULL.
const char *health_config_text(struct arena *arena, const struct health_config *health);
int health_config_read(struct arena *arena, const struct json *json, struct health_config **ret_health);
// What the settings do not say is the image's.
void health_config_merge(struct arena *arena, const struct image_config *image,
                         struct container_config *config);
// Whether there is a check to make.
bool health_config_checks(const struct health_config *health);
// Refuses what Docker refuses, and native checks (tcp://, http://) that are none.
int health_config_check(const struct container_config *config, struct err *err);

// Fills in the head of a plan: the policy, the checks, the stop signal and its timeout. hoy: the first words
// of what the shim executes for a check.
int upkeep_plan(const struct container *container, const struct strings *hoy, struct plan *plan,
                struct err *err);

// As Go writes a duration: "1m30s", "300ms", "2.5s".
#define DURATION_TEXT_SIZE 48
void duration_text(uint64_t ns, char text[static DURATION_TEXT_SIZE]);

// Another policy for one that runs (or is between two runs): its shim goes by that from now on. The row is
// the caller's.
int restart_policy_apply(struct engine *engine, const struct container *container,
                         const struct restart_policy *policy, struct err *err);
