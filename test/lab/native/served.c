/*
 * The server inside the probed pods: HTTP on 8080 (200, the host's name, connection closed) and an echo on 7 whose
 * connections stay. One process, no fork a request, and a long accept queue: on a busy machine a short one would drop
 * connections that no network lost. It does not end on SIGTERM, so it serves until its grace period is over.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HTTP = 1, ECHO = 2, LISTEN = 4, QUEUE = 1024 };

static int poller;

static void watch(int fd, uint32_t kind) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = ((uint64_t)kind << 32) | (uint32_t)fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

/* One socket for both families. */
static void serve(uint16_t port, uint32_t kind) {
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1, off = 0;
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, QUEUE) != 0) {
    perror("listen");
    exit(1);
  }
  watch(fd, kind | LISTEN);
}

static void answer(int fd, uint32_t kind, const char *response) {
  char buffer[16384];
  ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0 && kind == ECHO) {
    if (send(fd, buffer, (size_t)got, MSG_NOSIGNAL) == got) return;
  } else if (got > 0) {
    /* The answer fits into an empty send buffer; the client closes when it has read it. */
    send(fd, response, strlen(response), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    return;
  }
  close(fd);
}

int main(void) {
  char name[256] = "", response[512];
  gethostname(name, sizeof name - 1);
  snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
           strlen(name) + 1, name);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  poller = epoll_create1(0);
  serve(8080, HTTP);
  serve(7, ECHO);
  for (;;) {
    struct epoll_event events[64];
    int count = epoll_wait(poller, events, 64, -1);
    for (int i = 0; i < count; i++) {
      int fd = (int)(uint32_t)events[i].data.u64;
      uint32_t kind = (uint32_t)(events[i].data.u64 >> 32);
      if (kind & LISTEN) {
        for (int client; (client = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0;) watch(client, kind & ~LISTEN);
      } else {
        answer(fd, kind, response);
      }
    }
  }
}
