// SPDX-License-Identifier: Apache-2.0
// Names for containers that were given none: how a sea or a ship can be, and what one finds at sea.
#include "engine/parts.h"

#include <stdio.h>
#include <sys/random.h>

static const char *const adjectives[] = {
    "amber",  "ample",    "autumn",   "azure",  "balmy",    "blue",    "bold",     "brave",  "breezy",
    "bright", "brisk",    "briny",    "bronze", "calm",     "cheery",  "clear",    "cobalt", "copper",
    "coral",  "crisp",    "daring",   "deep",   "dry",      "dusky",   "eager",    "early",  "ebbing",
    "even",   "fair",     "far",      "fast",   "fine",     "fleet",   "floating", "foamy",  "foggy",
    "free",   "fresh",    "frosty",   "gentle", "gilded",   "glad",    "golden",   "grand",  "green",
    "hale",   "hardy",    "hearty",   "high",   "homeward", "idle",    "indigo",   "ivory",  "jolly",
    "keen",   "kind",     "laden",    "late",   "level",    "light",   "lively",   "lofty",  "lone",
    "long",   "lucky",    "lunar",    "mellow", "merry",    "misty",   "mild",     "neat",   "nimble",
    "noble",  "northern", "open",     "outer",  "pale",     "placid",  "plucky",   "polar",  "prime",
    "proud",  "quick",    "quiet",    "rapid",  "ready",    "restful", "rolling",  "royal",  "ruddy",
    "salty",  "scarlet",  "serene",   "sheer",  "silent",   "silver",  "sleek",    "slow",   "snug",
    "solar",  "solid",    "southern", "spry",   "starry",   "stately", "steady",   "still",  "stout",
    "strong", "sturdy",   "sunny",    "sure",   "swift",    "tidal",   "tidy",     "tough",  "tranquil",
    "true",   "upright",  "vast",     "velvet", "warm",     "wide",    "wild",     "windy",  "wintry",
    "wise",   "worthy",
};
static const char *const nouns[] = {
    "anchor",   "atoll",   "ballast",  "barge",     "bark",      "bay",     "beacon",  "binnacle", "boom",
    "bosun",    "bow",     "breeze",   "brig",      "buoy",      "cape",    "capstan", "caravel",  "cargo",
    "catboat",  "channel", "chart",    "cleat",     "clipper",   "coaster", "cog",     "compass",  "cove",
    "coxswain", "crest",   "current",  "cutter",    "davit",     "deck",    "delta",   "dhow",     "dinghy",
    "dock",     "dory",    "eddy",     "estuary",   "fathom",    "felucca", "ferry",   "fjord",    "flotilla",
    "foghorn",  "frigate", "gale",     "galleon",   "galley",    "gangway", "gull",    "halyard",  "harbour",
    "haven",    "hawser",  "headland", "helm",      "inlet",     "island",  "jetty",   "jib",      "junk",
    "keel",     "ketch",   "knot",     "lagoon",    "lantern",   "lateen",  "launch",  "league",   "lighter",
    "lookout",  "lugger",  "mainsail", "mariner",   "marina",    "mast",    "mistral", "mizzen",   "monsoon",
    "mooring",  "narrows", "oar",      "packet",    "passage",   "pennant", "pier",    "pilot",    "pinnace",
    "port",     "quay",    "reef",     "rigging",   "roadstead", "rudder",  "sail",    "sampan",   "schooner",
    "scow",     "seagull", "sextant",  "shallop",   "shoal",     "shore",   "skiff",   "skipper",  "sloop",
    "sounding", "spar",    "squall",   "starboard", "stern",     "strait",  "surf",    "swell",    "tack",
    "tender",   "tide",    "tiller",   "topsail",   "tradewind", "trawler", "trireme", "tug",      "vessel",
    "voyage",   "wake",    "wave",     "wharf",     "wherry",    "xebec",   "yawl",    "zephyr",
};

void name_make_up(unsigned attempt, char ret_name[static 64]) {
    uint16_t random[3] = {0};
    (void)!getrandom(random, sizeof random, 0);
    const char *adjective = adjectives[random[0] % ARRAY_SIZE(adjectives)];
    const char *noun = nouns[random[1] % ARRAY_SIZE(nouns)];
    if (attempt < 2)
        snprintf(ret_name, 64, "%s_%s", adjective, noun);
    else
        snprintf(ret_name, 64, "%s_%s%u", adjective, noun, random[2] % (attempt < 6 ? 100u : 65536u));
}
