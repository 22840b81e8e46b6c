// Preloaded into thimble: lets the n-th of some system calls fail, or does something to the files at that moment.
//   FAULT_CALL  names separated by commas (open openat write pwrite writev copy_file_range fsync ftruncate close linkat renameat
//               rename mmap read pread unlinkat fstat), or "any"; files 0 to 2 are left alone
//   FAULT_AT    which of these calls, from 1        FAULT_EVERY  set: that one and all later ones
//   FAULT_ERR   the name of an error; SHORT: half of the bytes; KILL: SIGKILL before the call; NONE
//   FAULT_DO    at that moment, before the call: "truncate BYTES PATH", "unlink PATH", "rename FROM TO", "overwrite PATH"
//   FAULT_COUNT a file of 8 bytes in which the calls are counted: it is right even when the process is killed
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long own_count, *count = &own_count;
static long at;
static bool every, is_short, is_kill, is_none, ready;
static int error_number;
static const char *calls, *action;

static const struct { const char *name; int number; } errors[] = {
    { "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EINTR", EINTR }, { "EACCES", EACCES }, { "EROFS", EROFS }, { "EDQUOT", EDQUOT }, { "EFBIG", EFBIG },
    { "ENOENT", ENOENT }, { "EMFILE", EMFILE }, { "ENOMEM", ENOMEM }, { "EXDEV", EXDEV }, { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
};

__attribute__((constructor)) static void start(void) {
    calls = getenv("FAULT_CALL");
    action = getenv("FAULT_DO");
    const char *n = getenv("FAULT_AT"), *error = getenv("FAULT_ERR"), *file = getenv("FAULT_COUNT");
    at = n ? atol(n) : 0;
    every = getenv("FAULT_EVERY") != NULL;
    is_none = error == NULL || !strcmp(error, "NONE");
    if (error) {
        is_short = !strcmp(error, "SHORT");
        is_kill = !strcmp(error, "KILL");
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) if (!strcmp(errors[i].name, error)) error_number = errors[i].number;
    }
    if (file) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CREAT, 0600);
        if (fd >= 0 && syscall(SYS_ftruncate, fd, 8L) == 0) {
            void *shared = (void *)syscall(SYS_mmap, NULL, 8L, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
            if (shared != MAP_FAILED) count = shared;
        }
        syscall(SYS_close, fd);
    }
    ready = calls != NULL;
}

static bool is_listed(const char *name) {
    if (!strcmp(calls, "any")) return true;
    size_t length = strlen(name);
    for (const char *p = calls; (p = strstr(p, name)) != NULL; p += length)
        if ((p == calls || p[-1] == ',') && (p[length] == 0 || p[length] == ',')) return true;
    return false;
}

static void act(void) {
    char text[8192], *first, *second, *rest = text;
    snprintf(text, sizeof text, "%s", action);
    const char *verb = strtok_r(rest, " ", &rest);
    first = strtok_r(rest, " ", &rest);
    second = strtok_r(rest, " ", &rest);
    if (!verb || !first) return;
    if (!strcmp(verb, "truncate") && second) {
        if (syscall(SYS_truncate, second, atol(first)) != 0) perror(second);
    } else if (!strcmp(verb, "unlink")) {
        syscall(SYS_unlink, first);
    } else if (!strcmp(verb, "rename") && second) {
        if (syscall(SYS_rename, first, second) != 0) perror(second);
    } else if (!strcmp(verb, "overwrite")) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, first, O_WRONLY, 0);
        struct stat s;
        if (fd < 0 || syscall(SYS_fstat, fd, &s) != 0) return;
        char noise[4096];
        memset(noise, 0xA5, sizeof noise);
        for (off_t done = 0; done < s.st_size; done += (off_t)sizeof noise) {
            size_t part = (size_t)(s.st_size - done) < sizeof noise ? (size_t)(s.st_size - done) : sizeof noise;
            if (syscall(SYS_pwrite64, fd, noise, part, done) < 0) break;
        }
        syscall(SYS_close, fd);
    }
}

// True if this call must fail.
static bool hit(const char *name) {
    if (!ready || !is_listed(name)) return false;
    long n = atomic_fetch_add(count, 1) + 1;
    if (n != at && !(every && at > 0 && n > at)) return false;
    int saved = errno;
    if (action) act();
    errno = saved;
    if (is_kill) kill(getpid(), SIGKILL);
    return !is_none;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #name)
#define FAIL(name, fd) if ((fd) > 2 && hit(name)) { errno = error_number; return -1; }

ssize_t write(int fd, const void *b, size_t n) {
    REAL(write);
    if (fd > 2 && hit("write")) { if (is_short) return real(fd, b, n > 1 ? n / 2 : n); errno = error_number; return -1; }
    return real(fd, b, n);
}
#define PWRITE(name, type) \
    ssize_t name(int fd, const void *b, size_t n, type o) { \
        REAL(name); \
        if (fd > 2 && hit("pwrite")) { if (is_short) return real(fd, b, n > 1 ? n / 2 : n, o); errno = error_number; return -1; } \
        return real(fd, b, n, o); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
ssize_t writev(int fd, const struct iovec *v, int c) {
    REAL(writev);
    if (fd > 2 && hit("writev")) { if (is_short) return real(fd, v, 1); errno = error_number; return -1; }
    return real(fd, v, c);
}
ssize_t read(int fd, void *b, size_t n) {
    REAL(read);
    if (fd > 2 && hit("read")) { if (is_short) return real(fd, b, n > 1 ? n / 2 : n); errno = error_number; return -1; }
    return real(fd, b, n);
}
#define PREAD(name, type) \
    ssize_t name(int fd, void *b, size_t n, type o) { \
        REAL(name); \
        if (fd > 2 && hit("pread")) { if (is_short) return real(fd, b, n > 1 ? n / 2 : n, o); errno = error_number; return -1; } \
        return real(fd, b, n, o); \
    }
PREAD(pread, off_t)
PREAD(pread64, off64_t)
ssize_t copy_file_range(int in, off64_t *io, int fd, off64_t *oo, size_t n, unsigned f) {
    REAL(copy_file_range);
    if (fd > 2 && hit("copy_file_range")) { if (is_short) return real(in, io, fd, oo, n > 1 ? n / 2 : n, f); errno = error_number; return -1; }
    return real(in, io, fd, oo, n, f);
}
int fsync(int fd) { REAL(fsync); FAIL("fsync", fd) return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL("fsync", fd) return real(fd); }
int ftruncate(int fd, off_t n) { REAL(ftruncate); FAIL("ftruncate", fd) return real(fd, n); }
int ftruncate64(int fd, off64_t n) { REAL(ftruncate64); FAIL("ftruncate", fd) return real(fd, n); }
int fstat(int fd, struct stat *s) { REAL(fstat); FAIL("fstat", fd) return real(fd, s); }
int close(int fd) {
    REAL(close);
    if (fd > 2 && hit("close")) { real(fd); errno = error_number; return -1; }
    return real(fd);
}
int linkat(int a, const char *b, int c, const char *d, int f) { REAL(linkat); FAIL("linkat", 3) return real(a, b, c, d, f); }
int unlinkat(int a, const char *b, int f) { REAL(unlinkat); FAIL("unlinkat", 3) return real(a, b, f); }
int rename(const char *a, const char *b) { REAL(rename); FAIL("rename", 3) return real(a, b); }
int renameat(int a, const char *b, int c, const char *d) { REAL(renameat); FAIL("renameat", 3) return real(a, b, c, d); }
int renameat2(int a, const char *b, int c, const char *d, unsigned f) { REAL(renameat2); FAIL("renameat", 3) return real(a, b, c, d, f); }
void *mmap(void *p, size_t n, int protection, int flags, int fd, off_t o) {
    REAL(mmap);
    if (fd > 2 && hit("mmap")) { errno = error_number; return MAP_FAILED; }
    return real(p, n, protection, flags, fd, o);
}

// O_CREAT and O_TMPFILE bring a mode.
static mode_t mode_of(int flags, va_list list) { return flags & (O_CREAT | 020000000) ? va_arg(list, mode_t) : 0; }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = mode_of(flags, list); \
        va_end(list); \
        FAIL("open", 3) \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = mode_of(flags, list); \
        va_end(list); \
        FAIL("openat", 3) \
        return real(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)
