// SPDX-License-Identifier: Apache-2.0
// lookup NAME: what getaddrinfo says, one address a line. Built with musl, for its resolver.
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    char text[INET6_ADDRSTRLEN];
    int r = argc > 1 ? getaddrinfo(argv[1], NULL, &hints, &list) : EAI_NONAME;
    if (r) return fprintf(stderr, "%s\n", gai_strerror(r)), 1;
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        const void *address = a->ai_family == AF_INET
                                  ? (void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr
                                  : (void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr;
        puts(inet_ntop(a->ai_family, address, text, sizeof text));
    }
    freeaddrinfo(list);
    return 0;
}
