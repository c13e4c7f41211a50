#pragma once

#include "ui/client/model_library.h"
#include "ui/client/run_library.h"
