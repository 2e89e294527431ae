// bench_measured SECONDS_MAX REPORT PROGRAM [ARGUMENT …]
//
// Runs PROGRAM, kills it after SECONDS_MAX, and writes one line to REPORT: wall seconds, CPU seconds (user
// and system), peak memory in KiB, 1 if it was killed for its time, exit status. The kernel counts a parent's
// memory as its child's until the child has become another program, so this parent is small.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace {

pid_t child = 0;
volatile std::sig_atomic_t out_of_time = 0;

void kill_child(int) {
    out_of_time = 1;
    kill(child, SIGKILL);
}

double seconds(timeval const& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
    unsigned seconds_max = 0;
    auto const readable =
        argc > 3 && std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), seconds_max).ec == std::errc{};
    if (!readable || seconds_max == 0) {
        std::fputs("usage: bench_measured SECONDS_MAX REPORT PROGRAM [ARGUMENT …]\n", stderr);
        return 2;
    }
    auto const begin = std::chrono::steady_clock::now();
    child = fork();
    if (child == 0) {
        execvp(argv[3], argv + 3);
        std::perror(argv[3]);
        _exit(127);
    }
    std::signal(SIGALRM, kill_child);
    alarm(seconds_max);
    int status = 0;
    rusage used{};
    while (wait4(child, &status, 0, &used) < 0) {
    }
    std::chrono::duration<double> const wall = std::chrono::steady_clock::now() - begin;
    auto* const report = std::fopen(argv[2], "w");
    if (report == nullptr) {
        std::perror(argv[2]);
        return 2;
    }
    auto const exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    std::fprintf(report, "%.6f %.6f %ld %d %d\n", wall.count(),
                 seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss, out_of_time ? 1 : 0,
                 exit_status);
    return std::fclose(report) == 0 ? exit_status : 2;
}
