// SPDX-License-Identifier: Apache-2.0
// features: what this runtime does, in the form of the runtime specification (features.md).
#include "hoy-runtime/commands.h"
#include "oci/spec.h"
#include "oci/words.h"

#include <stdio.h>

static void put_words(struct json_writer *w, const char *key, const char *const *words) {
    json_begin_array(w, key);
    for (; *words; words++) json_put_string(w, NULL, *words);
    json_end_array(w);
}

int run_features(struct invocation *invocation, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = 2};
    (void)invocation, (void)err;
    json_begin_object(&w, NULL);
    json_put_string(&w, "ociVersionMin", "1.0.0");
    json_put_string(&w, "ociVersionMax", "1.3.0");
    put_words(&w, "hooks",
              (const char *const[]){"prestart", "createRuntime", "createContainer", "startContainer",
                                    "poststart", "poststop", NULL});
    put_words(&w, "mountOptions", mount_option_words);
    json_end_object(&w);
    puts(str_get(&w.text));
    return 0;
}
