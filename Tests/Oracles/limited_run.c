// limited_run -o OUT -e ERR -r RESULT [options] -- COMMAND...: runs it with limits and writes how it ended.
// Its own small process does the waiting: the kernel counts the peak memory of a process from before its exec, so a child of
// the large test process would look large itself.
//   -s KB stack   -a MB address space   -f BYTES largest file   -n open files   -t MICROSECONDS until it is killed
//   -d FOLDER     -E NAME=VALUE for the command alone
// RESULT: one line "exit-code signal timed-out wall-us cpu-us peak-rss-kb"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void limit(int which, long long value) {
    struct rlimit l = { (rlim_t)value, (rlim_t)value };
    if (value >= 0 && setrlimit(which, &l) != 0) { perror("limited_run: setrlimit"); _exit(126); }
}

static void open_as(const char *path, int flags, int target) {
    int fd = open(path, flags, 0600);
    if (fd < 0 || dup2(fd, target) < 0) { perror(path); _exit(126); }
    if (fd != target) close(fd);
}

static long long now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv) {
    const char *out = NULL, *err = NULL, *result = NULL, *folder = NULL, *variables[64];
    long long stack = -1, space = -1, file = -1, files = -1, patience = 60000000;
    int count = 0, option;
    while ((option = getopt(argc, argv, "+o:e:r:s:a:f:n:t:d:E:")) != -1) switch (option) {
        case 'o': out = optarg; break;
        case 'e': err = optarg; break;
        case 'r': result = optarg; break;
        case 's': stack = atoll(optarg) << 10; break;
        case 'a': space = atoll(optarg) << 20; break;
        case 'f': file = atoll(optarg); break;
        case 'n': files = atoll(optarg); break;
        case 't': patience = atoll(optarg); break;
        case 'd': folder = optarg; break;
        case 'E': if (count < 64) variables[count++] = optarg; break;
        default: return 125;
    }
    if (!out || !err || !result || optind >= argc) return 125;
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    long long start = now_us();
    pid_t child = fork();
    if (child < 0) { perror("limited_run: fork"); return 125; }
    if (child == 0) {
        setpgid(0, 0);
        sigprocmask(SIG_UNBLOCK, &children, NULL);
        open_as("/dev/null", O_RDONLY, 0);
        open_as(out, O_WRONLY | O_CREAT | O_TRUNC, 1);
        open_as(err, O_WRONLY | O_CREAT | O_TRUNC, 2);
        if (folder && chdir(folder) != 0) { perror(folder); _exit(126); }
        for (int i = 0; i < count; i++) {
            char *text = strdup(variables[i]), *equals = strchr(text, '=');
            if (equals) { *equals = 0; setenv(text, equals + 1, 1); } else unsetenv(text);
        }
        limit(RLIMIT_CORE, 0);
        limit(RLIMIT_STACK, stack);
        limit(RLIMIT_FSIZE, file);
        limit(RLIMIT_NOFILE, files);
        limit(RLIMIT_AS, space);
        execvp(argv[optind], argv + optind);
        perror(argv[optind]);
        _exit(127);
    }
    int status = 0, timed_out = 0;
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    for (;;) {
        pid_t done = wait4(child, &status, WNOHANG, &usage);
        if (done == child) break;
        if (done < 0 && errno != EINTR) { perror("limited_run: wait4"); return 125; }
        long long left = patience - (now_us() - start);
        if (left <= 0) {
            timed_out = 1;
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            if (wait4(child, &status, 0, &usage) == child) break;
        }
        struct timespec t = { left / 1000000, left % 1000000 * 1000 };
        sigtimedwait(&children, NULL, &t);
    }
    long long wall = now_us() - start;
    kill(-child, SIGKILL);  // whatever it left behind
    FILE *f = fopen(result, "w");
    if (!f) { perror(result); return 125; }
    long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    fprintf(f, "%d %d %d %lld %lld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            timed_out, wall, cpu, usage.ru_maxrss);
    return fclose(f) != 0;
}
