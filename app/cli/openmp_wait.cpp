// GNU's OpenMP runtime, which LibTorch and our kernels share, lets waiting threads spin for milliseconds. On
// a machine that does anything else meanwhile, each of their barriers then costs a time slice. Its settings
// are read from the environment before any constructor of this program runs, so the one place left to set
// them is before that: the program starts itself once more, at a point where LibTorch is mapped but not yet
// initialised.

#include <unistd.h>

#include <cstring>

namespace {

/// About a hundredth of a millisecond: long enough for the next barrier of a decoded token where both threads
/// run, and no longer, for where they do not.
char spinSetting[] = "GOMP_SPINCOUNT=1000";

bool sets(const char* entry, const char* name) {
    return std::strncmp(entry, name, std::strlen(name)) == 0;
}

void waitBriefly(int, char** argv, char** environment) {
    constexpr int kMost = 4096;
    static char* extended[kMost + 2];
    int count = 0;
    for (; environment[count]; ++count) {
        // Somebody has decided already, ourselves included.
        if (sets(environment[count], "GOMP_SPINCOUNT=") || sets(environment[count], "OMP_WAIT_POLICY="))
            return;
        if (count == kMost) return;
        extended[count] = environment[count];
    }
    extended[count] = spinSetting;
    static char program[4096];
    const auto length = ::readlink("/proc/self/exe", program, sizeof program - 1);
    if (length > 0) ::execve(program, argv, extended);
    // Without a second start it only spins longer.
}

__attribute__((section(".preinit_array"), used)) void (*const kBeforeAll)(int, char**, char**) = waitBriefly;

}  // namespace
