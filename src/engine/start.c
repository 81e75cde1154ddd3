// SPDX-License-Identifier: Apache-2.0
// Starting a container: from its row to a shim that does its plan.
//
// Whoever starts it holds the lock of its run directory until the shim has everything, so that nobody takes
// the half that is there for the rest of a crash. If the starter is killed on the way, the row says
// 'starting', the lock is free, and the next command takes back what the plan says was begun (ending.c). From
// the moment that the shim runs, its socket says that the container lives.
#include "engine/again.h"
#include "engine/cni.h"
#include "engine/firewall.h"
#include "engine/freeze.h"
#include "engine/links.h"
#include "engine/log.h"
#include "engine/net_rate.h"
#include "engine/network_restore.h"
#include "engine/parts.h"
#include "engine/pasta.h"
#include "engine/ports.h"
#include "engine/ports_target.h"
#include "engine/resolver.h"
#include "engine/upkeep.h"
#include "kernel/nft_socket.h"
#include "network/network.h"
#include "runtime/runtime.h"
#include "shim/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct start {
    struct engine *engine;
    const struct container *container;
    const struct start_options *options;
    struct arena arena;
    bool begun;    // by container_begin()
    bool detached; // nobody stays with it
    struct image image;
    struct image_sources images; // that are mounted
    struct spec spec;
    struct endpoints endpoints;
    struct links links;
    struct port_claim claim;
    struct namespace_owners owners;
    const char *network_id; // whose network is joined, or NULL
    struct freezes held;
    const char *run_path; // <runroot>/containers/<id>
    const char *path;     // <root>/containers/<id>
    struct run_dir run_dir;
    int dir; // of path
    struct plan plan;
    struct plan_op root;         // the overlay, until its place in the plan comes
    struct plan_restart restart; // how often, and after how long, it was started again
    const char *resolver_text;   // what the resolver of its network is told, or NULL
    struct resolver_start names; // that resolver, when it is yet to be run
    int plan_fd, client, shim_client, listen, log, receiver, health, resolver;
    bool wants_block; // the caller does
    bool only_plans;  // nothing is started
    struct plan_block *block;
};

static void start_init(struct start *s, struct engine *engine, const struct container *container,
                       const struct start_options *options) {
    *s = (struct start){
        .engine = engine,
        .container = container,
        .options = options,
        .begun = str_eq(engine->begun.id, container->id) && engine->begun.run_dir >= 0,
        .arena = ARENA_INIT,
        .run_dir = {-1},
        .dir = -1,
        .plan_fd = -1,
        .client = -1,
        .shim_client = -1,
        .listen = -1,
        .log = -1,
        .health = -1,
        .receiver = -1,
        .claim = {.hold = PORT_HOLD_NONE},
        .resolver = -1,
        .names = RESOLVER_START_NONE,
    };
    s->run_path = arena_printf(&s->arena, "%s/containers/%s", engine->store.runroot, container->id);
    s->path = arena_printf(&s->arena, "%s/containers/%s", engine->store.root, container->id);
    plan_init(&s->plan);
}

static void start_finish(struct start *s) {
    owners_let_go(&s->held);
    ports_claim_finish(&s->claim);
    plan_finish(&s->plan);
    if (s->block) plan_unmap(s->block);
    fd_closep(&s->plan_fd);
    fd_closep(&s->client);
    fd_closep(&s->shim_client);
    fd_closep(&s->listen);
    fd_closep(&s->log);
    fd_closep(&s->health);
    fd_closep(&s->receiver);
    fd_closep(&s->resolver);
    resolver_start_finish(&s->names);
    fd_closep(&s->dir);
    run_dir_finish(&s->run_dir);
    arena_finish(&s->arena);
}

// The row

// At a restart the last run's end is what is known until the next one runs.
static int mark_starting(struct start *s, struct err *err) {
    const char *sql = s->options->again
                          ? "UPDATE container SET state = 'starting', pid = 0, started = ?, oom_killed = 0, "
                            "error = '' WHERE id = ? AND state = 'restarting'"
                          : "UPDATE container SET state = 'starting', pid = 0, started = ?, finished = 0, "
                            "exit_code = 0, oom_killed = 0, error = '', restart_count = 0, stopped = 0 "
                            "WHERE id = ? AND state IN ('created', 'exited')";
    int changed = db_run(s->engine->store.db, err, sql, "is", clock_wall_ns(), s->container->id);
    if (changed == 0)
        return err_set(err, ERR_CONFLICT, 0, "container %s is running already, or being removed",
                       s->container->name);
    return changed < 0 ? -1 : 0;
}

// A start that failed before there was a shim: as if it had not been tried.
static void start_take_back(struct start *s, const struct err *why) {
    struct err ignored;
    struct ending ending = {
        .state = "created", .status = 125, .finished = clock_wall_ns(), .error = why->text};
    (void)container_end(s->engine, s->container, &ending, &ignored);
}

// Files

// Whoever made the container may have been killed before it had all of its folder, of which "work" is the
// last; but one that was removed since the caller looked gets none. With the lock: it is not removed from now
// on.
static int make_folder(struct start *s, struct err *err) {
    bool limited = container_folder_is_limited(&s->container->config); // comes after "work"
    if (s->begun || (s->dir >= 0 && !limited && !faccessat(s->dir, "work", F_OK, 0))) return 0;
    int r = row_exists(s->engine, s->container->id, err);
    if (r == 0) return err_set(err, ERR_NOT_FOUND, 0, "No such container: %s", s->container->name);
    if (r < 0 || container_folder_make(s->engine, s->container, err)) return -1;
    fd_closep(&s->dir);
    s->dir = fd_open_at(AT_FDCWD, s->path, O_RDONLY | O_DIRECTORY, 0);
    return 0;
}

static int open_folder(struct start *s, struct err *err) {
    s->dir = fd_open_at(AT_FDCWD, s->path, O_RDONLY | O_DIRECTORY, 0);
    if ((s->dir >= 0 || s->dir == -ENOENT) && make_folder(s, err)) return -1;
    return s->dir < 0 ? err_set(err, ERR_SYSTEM, -s->dir, "open %s", s->path) : 0;
}

// Why the last run ended is still told of one that its policy started again (why.c).
static int forget_exit(struct start *s, struct err *err) {
    int r = s->begun ? 0 : exit_record_age(s->dir, s->run_dir.fd);
    return r ? err_set(err, ERR_SYSTEM, -r, "rename %s/exit", s->path) : 0;
}

// A new file of the run directory; a container that was started before may have left one.
static int write_file(int dir, const char *name, mode_t mode, const char *text, size_t size) {
    _cleanup_(fd_closep) int fd = fd_open_at(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
    return fd < 0 ? fd : fd_write_all(fd, text, size);
}

// With another container's network come its files: the same ones, so that both see what is changed in them.
static int share_etc(struct start *s, struct err *err) {
    static const char *const names[] = {"hosts", "resolv.conf", "hostname"};
    char path[CONTAINER_FILE_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        container_file(s->network_id, names[i], path);
        if ((unlinkat(s->run_dir.fd, names[i], 0) && errno != ENOENT) ||
            linkat(s->engine->store.runroot_fd, path, s->run_dir.fd, names[i], 0))
            return err_set(err, ERR_CONFLICT, errno, "share %s of container %s", names[i], s->network_id);
    }
    return 0;
}

// Where the host is for who is on no bridge: as Docker has it, at its address on the default network; from
// the host's own network, at its own. Nowhere for who is on pasta's, which has the host's addresses itself.
static int find_host(struct start *s, struct address *ret_host, struct err *err) {
    struct network network;
    if (container_uses_pasta(&s->container->config)) return 0;
    if (str_eq(s->container->config.network_mode, "host")) {
        *ret_host = address_ipv4(INADDR_LOOPBACK);
        return 0;
    }
    if (network_require(s->engine->store.db, &s->arena, NETWORK_DEFAULT, &network, err)) return -1;
    *ret_host = network.pools[0].gateway;
    return 0;
}

static int write_etc(struct start *s, struct err *err) {
    if (s->network_id) return share_etc(s, err);
    const struct container_config *config = &s->container->config;
    struct network_files files = {
        .hostname = config->hostname,
        .domainname = config->domainname,
        .add_host = config->add_host,
        .dns = config->dns,
        .dns_search = config->dns_search,
        .dns_options = config->dns_options,
        .endpoints = &s->endpoints,
        .links = s->links.hosts,
        .own_netns = !str_eq(config->network_mode, "host"),
        .own_resolver = s->resolver_text,
        .pasta_dns = container_uses_pasta(config) ? PASTA_DNS : NULL,
    };
    _cleanup_(str_finish) struct str hosts = {0}, resolv = {0}, hostname = {0};
    if (config->add_host.count && find_host(s, &files.host, err)) return -1;
    if (network_write_hosts(&files, &hosts, err)) return -1;
    int r = network_write_resolv_conf(&files, NULL, &resolv, err);
    str_printf(&hostname, "%s\n", config->hostname);
    const struct {
        const char *name;
        const struct str *text;
    } rows[] = {
        {"hosts", &hosts},
        {"resolv.conf", &resolv},
        {"hostname", &hostname},
    };
    for (size_t i = 0; !r && i < ARRAY_SIZE(rows); i++) {
        int failed = write_file(s->run_dir.fd, rows[i].name, 0644, str_get(rows[i].text), rows[i].text->len);
        if (failed) r = err_set(err, ERR_SYSTEM, -failed, "write %s/%s", s->run_path, rows[i].name);
    }
    return r;
}

// The plan

// The container's own go before them.
static void add_link_variables(struct start *s, struct container_config *config) {
    struct strings env = {0};
    if (!s->links.env.count) return;
    for (size_t i = 0; i < s->links.env.count; i++) strings_add(&s->arena, &env, s->links.env.items[i]);
    for (size_t i = 0; i < config->env.count; i++) strings_add(&s->arena, &env, config->env.items[i]);
    config->env = env;
}

static int make_spec(struct start *s, struct err *err) {
    const char *volumes = arena_printf(&s->arena, "%s/volumes", s->engine->store.root);
    if (image_sources_find(s->engine, &s->arena, &s->container->config, NULL, &s->images, err)) return -1;
    struct container_config config = s->container->config;
    add_link_variables(s, &config);
    struct container_spec_input input = {
        .images = &s->images,
        .config = &config,
        .owners = &s->owners,
        .image = &s->image.config,
        .id = s->container->id,
        .run_dir = s->run_path,
        .volumes = volumes,
    };
    if (container_spec(&s->arena, &input, &s->spec, err)) return -1;
    s->spec.process.rows = s->options->rows;
    s->spec.process.columns = s->options->columns;
    return 0;
}

// What is mounted on the host for the container's own mounts: before the clone, so that the child has it.
static int plan_sources(struct start *s, struct plan *plan, struct err *err) {
    const struct container_config *config = &s->container->config;
    size_t first = plan->count;
    struct image_sources ignored;
    if (image_sources_find(s->engine, &s->arena, config, plan, &ignored, err) ||
        volumes_plan(s->engine, &s->arena, config, plan, err))
        return -1;
    for (size_t i = first; i < plan->count; i++) plan->ops[i].side = PLAN_HOST;
    return 0;
}

// The image's part comes as two operations. What is the child's to do has its place later.
static int plan_host(struct plan *plan, void *data, struct err *err) {
    struct start *s = data;
    const char *upper = arena_printf(&s->arena, "%s/upper", s->path);
    const char *work = arena_printf(&s->arena, "%s/work", s->path);
    if (image_plan_rootfs(&s->engine->store, &s->image, upper, work, s->container->auto_remove, plan, err))
        return -1;
    if (!plan->count || plan->ops[plan->count - 1].type != PLAN_ROOT_OVERLAY)
        return err_set(err, ERR_INVALID, 0, "image %s gives no root file system", s->image.id);
    s->root = plan->ops[plan->count - 1];
    if (s->root.side == PLAN_CHILD) plan->count--;
    return plan_sources(s, plan, err);
}

static int plan_root(struct plan *plan, void *data, struct err *err) {
    struct start *s = data;
    (void)err;
    if (s->root.side == PLAN_CHILD) {
        *plan_add(plan, PLAN_ROOT_OVERLAY, NULL) = s->root;
        return 0;
    }
    struct plan_op *op = plan_add(plan, PLAN_ROOT_ATTACH, NULL);
    op->why = s->root.why;
    op->root.attach = s->root.overlay.attach;
    return 0;
}

static int plan_network(struct plan *plan, void *data, struct err *err) {
    struct start *s = data;
    if (container_uses_pasta(&s->container->config)) return pasta_plan(&s->claim.runs, plan, err);
    if (container_cni_network(&s->container->config)) {
        container_cni_plan(s->engine, s->container, &s->arena, plan);
        return 0;
    }
    network_plan(&s->endpoints, plan);
    return 0;
}

static int plan_beside_network(struct plan *plan, void *data, struct err *err) {
    struct start *s = data;
    net_rate_plan(&s->container->config, &s->endpoints, plan);
    if (s->resolver_text) names_plan(s->engine, s->container, &s->endpoints, s->resolver_text, plan);
    if (ports_plan(&s->claim, plan, err)) return -1;
    network_plan_bridge_ports(&s->endpoints, s->claim.runs.count ? s->claim.target.link : NULL, plan);
    return 0;
}

// What the shim executes when the container is to be started again, or when nobody was there to hear of the
// end of one that is to be removed. Others have it, too: their policy may change.
static int plan_upkeep(struct start *s, struct err *err) {
    struct strings words = {0}, hoy;
    again_words(s->engine, &s->arena, &words);
    hoy = words;
    strings_add(&s->arena, &words, "after-exit");
    strings_add(&s->arena, &words, s->container->id);
    s->plan.head.on_exit = plan_strings(&s->plan, words.items, words.count);
    s->plan.head.auto_remove = s->container->auto_remove;
    if (upkeep_plan(s->container, &hoy, &s->plan, err)) return -1;
    s->plan.head.restart.count = s->restart.count;
    s->plan.head.restart.delay_ms = s->restart.delay_ms;
    return 0;
}

// For `hoy exec`.
static void keep_spec(struct start *s) {
    _cleanup_(json_writer_finish) struct json_writer w = {0};
    struct spec spec = s->spec;
    spec.root_path = "/"; // of the container: without a path it could not be read again
    spec_write(&spec, &w);
    s->plan.head.config = plan_bytes(&s->plan, str_get(&w.text), w.text.len);
}

static bool has_hooks(const struct spec_hooks *hooks) {
    return hooks->prestart.count || hooks->create_runtime.count || hooks->create_container.count ||
           hooks->start_container.count || hooks->poststart.count || hooks->poststop.count;
}

// The run directory is the bundle that hooks look into: its root is where they find the container's.
static int make_bundle(struct start *s, const char *root, struct err *err) {
    _cleanup_(json_writer_finish) struct json_writer w = {.indent = 2};
    struct spec spec = s->spec;
    if (!has_hooks(&spec.hooks)) return 0;
    spec.root_path = root;
    spec_write(&spec, &w);
    int r = write_file(s->run_dir.fd, "config.json", 0600, str_get(&w.text), w.text.len);
    if (r) return err_set(err, ERR_SYSTEM, -r, "write %s/config.json", s->run_path);
    runtime_plan_state(&s->spec, s->container->id, s->run_path, &s->plan);
    return 0;
}

static int make_plan(struct start *s, struct err *err) {
    struct runtime_options options = {
        .id = s->container->id,
        .seccomp_cache = arena_printf(&s->arena, "%s/seccomp", s->engine->store.root),
        .attach = arena_printf(&s->arena, "%s/rootfs", s->engine->store.runroot),
        .init = s->container->config.init,
    };
    struct runtime_contributions contributions = {
        .host = plan_host, .root = plan_root, .network = NULL, .data = s};
    if (s->endpoints.count || container_uses_pasta(&s->container->config) ||
        container_cni_network(&s->container->config))
        contributions.network = plan_network;
    if (s->endpoints.count) contributions.beside = plan_beside_network;
    if (runtime_compile(&s->spec, &options, &contributions, &s->plan, err)) return -1;
    keep_spec(s);
    if (make_bundle(s, options.attach, err)) return -1;
    s->plan.head.keep_stdin = s->container->config.open_stdin;
    if (plan_upkeep(s, err)) return -1;
    container_event_plan(s->container, NULL, &s->plan);
    s->plan.head.exit_too = plan_printf(&s->plan, "%s/exit", s->run_path);
    s->plan.head.watch_oom = s->container->config.memory.value > 0;
    if (log_plan(s->engine, &s->arena, s->container, &s->plan, err)) return -1;
    int r = plan_save(&s->plan, s->run_dir.fd, "plan", &s->plan_fd, s->wants_block ? &s->block : NULL);
    return r ? err_set(err, ERR_SYSTEM, -r, "write %s/plan", s->run_path) : 0;
}

// Ports of another kind of network are nobody's, until one comes that has some.
static int claim_ports(struct start *s, struct err *err) {
    s->claim.engine = s->engine;
    s->claim.arena = &s->arena;
    s->claim.container = s->container;
    s->claim.target.pasta = container_uses_pasta(&s->container->config);
    bool can_publish = s->claim.target.pasta || ports_target_of(&s->endpoints, &s->claim.target);
    struct port_bindings wanted = ports_wanted(&s->arena, &s->container->config);
    if (!can_publish) s->claim.later = ports_places(&wanted);
    if (!can_publish || !wanted.count) return 0;
    if (firewall_respects(&s->container->config, &s->claim.respect, err) ||
        ports_claim(&s->claim, &wanted, err))
        return -1;
    // It binds them itself: the sockets were there to find out which ones, and who else has them.
    if (s->claim.target.pasta) return ports_claim_finish(&s->claim), 0;
    if (ports_open_gate(s->engine, &s->claim.runs, err)) return -1;
    int r = port_hold_end(&s->claim.hold);
    return r ? err_set(err, ERR_SYSTEM, -r, "hold the published ports") : 0;
}

static int attach_networks(struct start *s, struct err *err) {
    if (container_cni_network(&s->container->config))
        return container_cni_prepare(s->engine, s->container, s->run_dir.fd, err);
    return networks_attach(s->engine, &s->arena, s->container, &s->endpoints, err) ||
                   net_rate_check_networks(&s->container->config, &s->endpoints, err)
               ? -1
               : 0;
}

static int prepare(struct start *s, struct err *err) {
    return owners_find(s->engine, &s->arena, s->container, &s->owners, &s->network_id, err) ||
                   (!s->only_plans && volumes_make(s->engine, &s->container->config, err)) ||
                   attach_networks(s, err) ||
                   links_find(s->engine, &s->arena, s->container, &s->links, err) || claim_ports(s, err) ||
                   names_begin(s->engine, &s->arena, s->container, &s->endpoints, &s->names, &s->resolver,
                               &s->resolver_text, err) ||
                   write_etc(s, err) || make_spec(s, err) || make_plan(s, err)
               ? -1
               : 0;
}

// The shim

static int open_listen(struct start *s, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/shim.sock", s->run_dir.fd);
    s->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listen < 0 || (unlinkat(s->run_dir.fd, "shim.sock", 0) && errno != ENOENT) ||
        bind(s->listen, (struct sockaddr *)&address, sizeof address) || listen(s->listen, 64))
        return err_set(err, ERR_SYSTEM, errno, "make %s/shim.sock", s->run_path);
    return 0;
}

static int spawn(struct start *s, struct err *err) {
    int ends[2];
    if (open_listen(s, err)) return -1;
    if (log_open(s->container, s->dir, &s->log, &s->receiver, err)) return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(err, ERR_SYSTEM, errno, "make a socket for the shim");
    s->client = ends[0];
    s->shim_client = ends[1];
    struct runtime_shim shim = RUNTIME_SHIM_NONE;
    shim.hold = s->engine->hold;
    shim.plan = s->plan_fd;
    shim.client = s->shim_client;
    shim.listen = s->listen;
    shim.log = s->log;
    shim.receiver = s->receiver;
    shim.resolver = s->resolver;
    shim.state = s->dir;
    shim.ports = s->claim.hold.bag;
    shim.served = s->claim.hold.served;
    shim.nft = nft_socket_kept();
    if (s->detached) runtime_cgroup_exits(&s->arena, shim.exits);
    if (health_open(s->engine, s->container, s->run_dir.fd, &s->health, err)) return -1;
    shim.health = s->health;
    if (runtime_spawn_shim(&shim, err) < 0) return -1;
    fd_closep(&s->shim_client); // or the shim's end would not be heard
    fd_closep(&s->listen);
    ports_claim_finish(&s->claim);
    return 0;
}

// From here on the shim finds that nobody listens, and looks after the end itself. One that has told us of it
// already relies on us.
static int hang_up(struct start *s, struct err *err) {
    struct shim_exit exit;
    int code;
    if (shutdown(s->client, SHUT_RDWR)) return 0; // it has gone
    if (shim_wait(s->client, 0, &exit) != 1) return 0;
    return container_take_exit(s->engine, s->container, 1, &exit, &code, err);
}

static int wait_detached(struct start *s, struct err *err) {
    int32_t pid;
    struct err ignored, why = {0};
    if (client_wait_started(s->client, &pid, &why)) {
        (void)container_failed(s->engine, s->container->id, &why, &ignored);
        *err = why;
        return -1;
    }
    return row_set_running(s->engine, s->container->id, pid, err) ? -1 : hang_up(s, err);
}

static int start_lock(struct start *s, struct err *err) {
    if (s->begun)
        s->image = s->engine->begun.image;
    else if (image_find_unnamed(&s->engine->store, &s->arena, s->container->image_id, &s->image, err))
        return -1;
    return run_dir_lock(s->engine, s->container->id, RUN_DIR_MAKE, &s->run_dir, err);
}

// The shim's first word is that the command runs, or that it does not.
static void wait_first_word(int client) {
    struct pollfd word = {.fd = client, .events = POLLIN};
    while (poll(&word, 1, -1) < 0 && errno == EINTR) {}
}

// The network's first container has the processors for itself until its command runs. Where this goes wrong
// the shim finds that nobody serves it, and asks for another one.
static void run_resolver(struct start *s) {
    struct err ignored;
    (void)resolver_run(&s->names, &ignored);
}

// With the lock. The plan of the run before says how long the back-off was; somebody may have stopped the
// container since the caller looked.
static int start_again(struct start *s, struct err *err) {
    _cleanup_(plan_unmapp) struct plan_block *before = NULL;
    struct container now;
    if (!s->options->again) return 0;
    int r = row_load(s->engine, &s->arena, s->container->id, &now, err);
    if (r < 0) return -1;
    if (r == 0 || !container_is_restarting(&now))
        return err_set(err, ERR_CONFLICT, 0, "container %s is not to be started again", s->container->name);
    if (!plan_map_at(s->run_dir.fd, "plan", &before)) s->restart = before->restart;
    s->restart.count = (uint32_t)now.restart_count;
    return 0;
}

int container_start(struct engine *engine, const struct container *container,
                    const struct start_options *options, int *ret_client, struct plan_block **ret_block,
                    struct err *err) {
    _cleanup_(start_finish) struct start s;
    start_init(&s, engine, container, options);
    // The exit record of an earlier run goes before the row says that there is a new one.
    s.wants_block = ret_block;
    s.detached = !ret_client;
    if (start_lock(&s, err) || start_again(&s, err) || open_folder(&s, err) || forget_exit(&s, err) ||
        (!s.begun && mark_starting(&s, err)))
        return -1;
    if (ret_client) container_event(engine, container, "attach", NULL);
    if (prepare(&s, err) || owners_hold(engine, &s.arena, container, &s.held, err) || spawn(&s, err)) {
        start_take_back(&s, err);
        return -1;
    }
    run_dir_finish(&s.run_dir);
    if (s.held.count || resolver_is_to_run(&s.names)) wait_first_word(s.client);
    owners_let_go(&s.held);
    run_resolver(&s);
    if (ret_block) *ret_block = take_ptr(s.block);
    if (!ret_client) return wait_detached(&s, err);
    *ret_client = take_fd(&s.client);
    return 0;
}

int container_plan(struct engine *engine, const struct container *container,
                   const struct start_options *options, struct plan_block **ret_block, struct err *err) {
    _cleanup_(start_finish) struct start s;
    if (container_is_live(container) || container_is_restarting(container))
        return plan_open(engine, container->id, ret_block, err);
    start_init(&s, engine, container, options);
    s.wants_block = s.only_plans = true;
    if (start_lock(&s, err) || open_folder(&s, err) || prepare(&s, err)) return -1;
    *ret_block = take_ptr(s.block);
    return 0;
}

// Unless somebody started it meanwhile.
int container_forget_plan(struct engine *engine, const struct container *container, struct err *err) {
    _cleanup_(arena_finish) struct arena arena = ARENA_INIT;
    _cleanup_(run_dir_finish) struct run_dir dir = {-1};
    struct container now;
    if (run_dir_lock(engine, container->id, RUN_DIR_WAIT, &dir, err)) return -1;
    int r = row_load(engine, &arena, container->id, &now, err);
    if (r < 0 || (r > 0 && (container_is_live(&now) || container_is_restarting(&now)))) return r < 0 ? -1 : 0;
    if (port_rows_release(engine->store.db, container->id, err) ||
        network_release(engine->store.db, container->id, NULL, err))
        return -1;
    return run_dir_remove(engine, container->id, err);
}
