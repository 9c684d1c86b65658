/* The least that running commands can cost: two threads that posix_spawn a program, read its output to the end and
 * wait for it. Usage: spawn_loop TRIALS PROGRAM [ARGS...] */
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

extern char **environ;
static int trials;
static char **arguments;
static _Atomic int next;

static void *serve(void *unused) {
    (void)unused;
    char buffer[65536];
    while (next++ < trials) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC)) abort();
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
        pid_t child;
        if (posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ)) abort();
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        while (read(ends[0], buffer, sizeof buffer) > 0) {}
        close(ends[0]);
        int status;
        waitpid(child, &status, 0);
    }
    return NULL;
}

int main(int count, char **words) {
    if (count < 3) return 2;
    trials = atoi(words[1]);
    arguments = words + 2;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, serve, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    return 0;
}
