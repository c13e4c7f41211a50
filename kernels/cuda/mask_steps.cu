// The mask steps on a device. Compiled with -fmad=false: see host_device.h.

#include "kernels/cuda/mask_steps.h"

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/steps_of.h"

extern "C" __attribute__((visibility("default"))) const tessera::kernels::cuda::MaskSteps*
tesseraCudaMaskSteps() {
    using namespace tessera::kernels::cuda;
    return &StepsOf<DeviceLauncher>::kTable;
}
