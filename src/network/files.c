// SPDX-License-Identifier: Apache-2.0
// /etc/hosts and /etc/resolv.conf as Docker writes them. What users give goes into lines of a file that
// others parse: nothing with white space or control characters in it gets there.
#include "network/network.h"

#include "base/fd.h"
#include "base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_FILE_MAX (1u << 20)

static bool is_word(const char *s) {
    if (str_empty(s)) return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f) return false;
    return true;
}

static bool is_address(const char *s) {
    struct in6_addr address;
    return inet_pton(AF_INET, s, &address) == 1 || inet_pton(AF_INET6, s, &address) == 1;
}

// A missing file is an empty one.
static int host_file_read(const char *path, struct str *ret_text, struct err *err) {
    int r = file_read_at(AT_FDCWD, path, HOST_FILE_MAX, ret_text);
    return r && r != -ENOENT ? err_set(err, ERR_SYSTEM, -r, "read %s", path) : 0;
}

// Where the host is: the gateway of the default route's bridge.
static const struct address *host_gateway(const struct network_files *files) {
    for (size_t i = 0; files->endpoints && i < files->endpoints->count; i++) {
        const struct endpoint *endpoint = &files->endpoints->items[i];
        for (size_t family = 0; family < 2; family++)
            if (endpoint->driver == NETWORK_DRIVER_BRIDGE && endpoint->default_route[family] &&
                address_is_set(&endpoint->gateways[family]))
                return &endpoint->gateways[family];
    }
    return NULL;
}

// "name:address" or "name=address"; the address may be in brackets, or HOST_GATEWAY.
static int hosts_add(const struct network_files *files, const char *entry, struct str *text,
                     struct err *err) {
    size_t name = strcspn(entry, ":=");
    char address[INET6_ADDRSTRLEN + 2] = "";
    const char *value = entry[name] ? entry + name + 1 : "";
    size_t length = strlen(value);
    bool brackets = length > 2 && value[0] == '[' && value[length - 1] == ']';
    if (brackets) value++, length -= 2;
    if (length < sizeof address) memcpy(address, value, length);
    if (str_eq(address, HOST_GATEWAY)) {
        const struct address *gateway = host_gateway(files);
        if (!gateway && !address_is_set(&files->host))
            return err_set(err, ERR_INVALID, 0,
                           "--add-host %s: no address of the host's leads there from this network", entry);
        address_print(gateway ? gateway : &files->host, address);
    }
    if (!name || !is_word(entry) || !is_address(address))
        return err_set(err, ERR_INVALID, 0, "--add-host %s: not of the form NAME:ADDRESS", entry);
    str_printf(text, "%s\t%.*s\n", address, (int)name, entry);
    return 0;
}

// The entry of a line "address\tname" that leads to the host, or NULL.
static const char *host_entry(const struct network_files *files, const char *line, size_t length) {
    const char *tab = memchr(line, '\t', length);
    for (size_t i = 0; tab && i < files->add_host.count; i++) {
        const char *entry = files->add_host.items[i];
        size_t name = strcspn(entry, ":=");
        if (entry[name] && str_eq(entry + name + 1, HOST_GATEWAY) &&
            (size_t)(line + length - tab - 1) == name && !memcmp(tab + 1, entry, name))
            return entry;
    }
    return NULL;
}

static const char *const host_names[] = {"host.docker.internal", "gateway.docker.internal"};

static bool is_given(const struct network_files *files, const char *name) {
    for (size_t i = 0; i < files->add_host.count; i++) {
        const char *rest = str_after(files->add_host.items[i], name);
        if (rest && (*rest == ':' || *rest == '=')) return true;
    }
    return false;
}

// What a resolver knows of the host (resolver/scope.c), for those that have none.
static void hosts_add_host(const struct network_files *files, struct str *text) {
    char address[ADDRESS_TEXT];
    const struct address *gateway = files->own_resolver ? NULL : host_gateway(files);
    for (size_t i = 0; gateway && i < ARRAY_SIZE(host_names); i++)
        if (!is_given(files, host_names[i]))
            str_printf(text, "%s\t%s\n", address_print(gateway, address), host_names[i]);
}

// The container's own line: its full name, then the first part of it.
static void hosts_add_own(const struct network_files *files, const struct address *own, struct str *text) {
    char address[ADDRESS_TEXT];
    const char *host = files->hostname, *domain = files->domainname, *dot = strchr(host, '.');
    str_printf(text, "%s\t%s", address_print(own, address), host);
    if (!str_empty(domain)) str_printf(text, ".%s", domain);
    if (!str_empty(domain) || dot)
        str_printf(text, " %.*s", dot ? (int)(dot - host) : (int)strlen(host), host);
    str_add_char(text, '\n');
}

static void hosts_add_endpoint(const struct network_files *files, const struct endpoint *endpoint,
                               struct str *text) {
    if (str_empty(files->hostname)) return;
    for (size_t i = 0; i < 2; i++)
        if (address_is_set(&endpoint->addresses[i])) hosts_add_own(files, &endpoint->addresses[i], text);
}

static bool is_line_of(const char *line, size_t length, const struct endpoint *endpoint) {
    char address[ADDRESS_TEXT];
    for (size_t i = 0; endpoint && i < 2; i++) {
        size_t n = strlen(address_print(&endpoint->addresses[i], address));
        if (n && n < length && !memcmp(line, address, n) && strchr(" \t", line[n])) return true;
    }
    return false;
}

// The host, at its address on a network.
static bool is_host_line(const char *line, size_t length, const struct endpoint *endpoint) {
    char address[ADDRESS_TEXT], expected[ADDRESS_TEXT + 32];
    for (size_t i = 0; endpoint && i < 2; i++)
        for (size_t k = 0; k < ARRAY_SIZE(host_names); k++) {
            int n = snprintf(expected, sizeof expected, "%s\t%s",
                             address_print(&endpoint->gateways[i], address), host_names[k]);
            if ((size_t)n == length && !memcmp(line, expected, length)) return true;
        }
    return false;
}

void network_change_hosts(const struct network_files *files, const char *text, const struct endpoint *add,
                          const struct endpoint *remove, struct str *ret_text) {
    struct err ignored;
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *entry = host_entry(files, text, length);
        if (entry && host_gateway(files)) {
            (void)hosts_add(files, entry, ret_text, &ignored);
        } else if (!is_line_of(text, length, remove) && !is_host_line(text, length, remove)) {
            str_add_n(ret_text, text, length);
            str_add_char(ret_text, '\n');
        }
        text += length + (text[length] == '\n');
    }
    if (add) hosts_add_endpoint(files, add, ret_text);
}

static int hosts_compose(const struct network_files *files, struct str *text, struct err *err) {
    static const char preset[] = "127.0.0.1\tlocalhost\n"
                                 "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                 "fe00::\tip6-localnet\n"
                                 "ff00::\tip6-mcastprefix\n"
                                 "ff02::1\tip6-allnodes\n"
                                 "ff02::2\tip6-allrouters\n";
    if (files->own_netns)
        str_add(text, preset);
    else if (host_file_read("/etc/hosts", text, err))
        return -1;
    if (text->len && text->data[text->len - 1] != '\n') str_add_char(text, '\n');
    for (size_t i = 0; i < files->add_host.count; i++)
        if (hosts_add(files, files->add_host.items[i], text, err)) return -1;
    hosts_add_host(files, text);
    for (size_t i = 0; i < files->links.count; i++) str_printf(text, "%s\n", files->links.items[i]);
    for (size_t i = 0; files->endpoints && i < files->endpoints->count; i++)
        hosts_add_endpoint(files, &files->endpoints->items[i], text);
    // Its addresses are the host's, and may change.
    if (files->pasta_dns) str_printf(text, "127.0.0.1\t%s\n", files->hostname);
    return 0;
}

int network_write_hosts(const struct network_files *files, struct str *ret_text, struct err *err) {
    _cleanup_(str_finish) struct str text = {0};
    if (hosts_compose(files, &text, err)) return -1;
    *ret_text = text;
    text = (struct str){0};
    return 0;
}

struct resolver {
    struct arena arena;
    struct strings servers, search, options;
};

static void resolver_finish(struct resolver *resolver) {
    arena_finish(&resolver->arena);
}

static void words_add(struct resolver *resolver, struct strings *list, char *words) {
    char *rest = NULL;
    for (char *word = strtok_r(words, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest))
        strings_add(&resolver->arena, list, arena_strdup(&resolver->arena, word));
}

// The last of search and domain counts, as for the C library.
static void resolver_read_line(struct resolver *resolver, char *line) {
    line[strcspn(line, "#;")] = '\0';
    line += strspn(line, " \t");
    size_t key = strcspn(line, " \t");
    if (!line[key]) return;
    line[key] = '\0';
    char *value = line + key + 1;
    if (str_eq(line, "nameserver")) {
        value[strcspn(value + strspn(value, " \t"), " \t\r") + strspn(value, " \t")] = '\0';
        words_add(resolver, &resolver->servers, value);
    } else if (str_eq(line, "search") || str_eq(line, "domain")) {
        resolver->search.count = 0;
        words_add(resolver, &resolver->search, value);
    } else if (str_eq(line, "options")) {
        words_add(resolver, &resolver->options, value);
    }
}

static void resolver_read(struct resolver *resolver, const char *text) {
    char *copy = arena_strdup(&resolver->arena, text), *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        resolver_read_line(resolver, line);
}

// Loopback and what is on the host's own links are not the container's, and without IPv6 a server there can't
// be reached.
static bool server_is_reachable(const char *server, bool ipv6) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, server, &four) == 1) return ntohl(four.s_addr) >> 24 != 127;
    return ipv6 && inet_pton(AF_INET6, server, &six) == 1 && !IN6_IS_ADDR_LOOPBACK(&six) &&
           !IN6_IS_ADDR_LINKLOCAL(&six);
}

static bool has_ipv6(const struct network_files *files) {
    if (files->pasta_dns) return true;
    for (size_t i = 0; files->endpoints && i < files->endpoints->count; i++)
        if (files->endpoints->items[i].default_route[1]) return true;
    return false;
}

static void resolver_filter(struct resolver *resolver, bool ipv6, const char *pasta_dns) {
    static const char *const public[] = {"8.8.8.8", "8.8.4.4"};
    struct strings kept = {0};
    for (size_t i = 0; i < resolver->servers.count; i++)
        if (server_is_reachable(resolver->servers.items[i], ipv6))
            strings_add(&resolver->arena, &kept, resolver->servers.items[i]);
    if (!kept.count && resolver->servers.count && pasta_dns) strings_add(&resolver->arena, &kept, pasta_dns);
    bool none = !kept.count;
    for (size_t i = 0; none && i < ARRAY_SIZE(public); i++) strings_add(&resolver->arena, &kept, public[i]);
    resolver->servers = kept;
}

// The resolver of the container's network: it asks the servers.
static void resolver_embed(struct resolver *resolver) {
    resolver->servers.count = 0;
    strings_add(&resolver->arena, &resolver->servers, "127.0.0.11");
}

// How the host goes through its servers. The resolver has its own way with these, and who is to wait for it
// no longer than for one of them hears nothing where the first is silent.
static bool is_of_servers(const char *option) {
    return str_has_prefix(option, "timeout:") || str_has_prefix(option, "attempts:") ||
           str_eq(option, "rotate");
}

// Names of containers have no dots, and are to be asked for as they stand (resolver/scope.c), unless the
// options say otherwise.
static void options_embed(struct resolver *resolver, bool of_host) {
    struct strings options = {0};
    bool has_ndots = false;
    for (size_t i = 0; i < resolver->options.count; i++) {
        if (of_host && is_of_servers(resolver->options.items[i])) continue;
        strings_add(&resolver->arena, &options, resolver->options.items[i]);
        has_ndots |= str_has_prefix(resolver->options.items[i], "ndots:");
    }
    if (!has_ndots) strings_add(&resolver->arena, &options, "ndots:0");
    resolver->options = options;
}

static int check_words(const char *flag, const struct strings *list, bool addresses, struct err *err) {
    for (size_t i = 0; i < list->count; i++)
        if (!is_word(list->items[i]) || (addresses && !is_address(list->items[i])))
            return err_set(err, ERR_INVALID, 0, "%s %s: not %s", flag, list->items[i],
                           addresses ? "an IP address" : "one word");
    return 0;
}

static void line_add(struct str *text, const char *key, const struct strings *list) {
    if (!list->count) return;
    str_add(text, key);
    for (size_t i = 0; i < list->count; i++) str_printf(text, " %s", list->items[i]);
    str_add_char(text, '\n');
}

static void resolver_write(const struct resolver *resolver, struct str *text) {
    for (size_t i = 0; i < resolver->servers.count; i++)
        str_printf(text, "nameserver %s\n", resolver->servers.items[i]);
    line_add(text, "search", &resolver->search);
    line_add(text, "options", &resolver->options);
}

// systemd-resolved's stub listens on the host's loopback; the servers that it asks are in a file of its own.
static int host_resolv_conf(struct str *ret_text, struct err *err) {
    _cleanup_(resolver_finish) struct resolver resolver = {0};
    if (host_file_read("/etc/resolv.conf", ret_text, err)) return -1;
    resolver_read(&resolver, str_get(ret_text));
    if (resolver.servers.count != 1 || !str_eq(resolver.servers.items[0], "127.0.0.53")) return 0;
    _cleanup_(str_finish) struct str other = {0};
    if (host_file_read("/run/systemd/resolve/resolv.conf", &other, err)) return -1;
    if (!other.len) return 0;
    str_finish(ret_text);
    *ret_text = other;
    other = (struct str){0};
    return 0;
}

int network_write_resolv_conf(const struct network_files *files, const char *host_text, struct str *ret_text,
                              struct err *err) {
    _cleanup_(str_finish) struct str host = {0};
    _cleanup_(resolver_finish) struct resolver resolver = {0};
    if (check_words("--dns", &files->dns, true, err) ||
        check_words("--dns-search", &files->dns_search, false, err) ||
        check_words("--dns-option", &files->dns_options, false, err))
        return -1;
    if (!host_text && host_resolv_conf(&host, err)) return -1;
    if (!host_text) host_text = str_get(&host);
    if (!files->own_netns && !files->dns.count && !files->dns_search.count && !files->dns_options.count) {
        str_add(ret_text, host_text);
        return 0;
    }
    resolver_read(&resolver, host_text);
    if (files->own_resolver)
        resolver_embed(&resolver);
    else if (files->dns.count)
        resolver.servers = files->dns;
    else if (files->own_netns)
        resolver_filter(&resolver, has_ipv6(files), files->pasta_dns);
    if (files->dns_search.count) resolver.search = files->dns_search;
    if (files->dns_options.count) resolver.options = files->dns_options;
    if (files->own_resolver) options_embed(&resolver, !files->dns_options.count);
    if (resolver.search.count == 1 && str_eq(resolver.search.items[0], ".")) resolver.search.count = 0;
    resolver_write(&resolver, ret_text);
    return 0;
}
