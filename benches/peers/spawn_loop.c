/* The least that running commands can cost: two threads that posix_spawn a program, read its output to the end and
 * wait for it. Usage: spawn_loop TRIALS PROGRAM [ARGS...]
 * With a folder in the variable FILES each trial has a directory below it and a log of what it printed. */
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

extern char **environ;
static int trials;
static char **arguments;
static _Atomic int next;
static const char *files;

static void *serve(void *unused) {
    (void)unused;
    char buffer[65536], path[4096];
    int number;
    while ((number = next++) < trials) {
        if (files) {
            snprintf(path, sizeof path, "%s/%d", files, number);
            if (mkdir(path, 0777)) abort();
            snprintf(path, sizeof path, "%s/%d/work", files, number);
            if (mkdir(path, 0777)) abort();
        }
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
        int log = -1;
        for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;) {
            if (!files) continue;
            snprintf(path, sizeof path, "%s/%d/stdout.log", files, number);
            if (log < 0) log = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
            if (write(log, buffer, count) != count) abort();
        }
        if (log >= 0) close(log);
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
    files = getenv("FILES");
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, serve, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    return 0;
}
