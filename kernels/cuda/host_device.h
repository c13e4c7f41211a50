#pragma once

/// What code that both nvcc and the host's compiler read begins its functions with.
#if defined(__CUDACC__)
#define TESSERA_HOST_DEVICE __host__ __device__
#else
#define TESSERA_HOST_DEVICE
#endif
