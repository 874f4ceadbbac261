#pragma once

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

namespace daidd::device {

/// The functions of OpenCL 1.2 that are used here, under their own names.
struct OpenClApi {
    decltype(&::clGetPlatformIDs) get_platform_ids = nullptr;
    decltype(&::clGetPlatformInfo) get_platform_info = nullptr;
    decltype(&::clGetDeviceIDs) get_device_ids = nullptr;
    decltype(&::clGetDeviceInfo) get_device_info = nullptr;
    decltype(&::clCreateContext) create_context = nullptr;
    decltype(&::clReleaseContext) release_context = nullptr;
    decltype(&::clCreateCommandQueue) create_queue = nullptr;
    decltype(&::clReleaseCommandQueue) release_queue = nullptr;
    decltype(&::clCreateProgramWithSource) create_program = nullptr;
    decltype(&::clBuildProgram) build_program = nullptr;
    decltype(&::clGetProgramBuildInfo) get_build_info = nullptr;
    decltype(&::clReleaseProgram) release_program = nullptr;
    decltype(&::clCreateKernel) create_kernel = nullptr;
    decltype(&::clReleaseKernel) release_kernel = nullptr;
    decltype(&::clSetKernelArg) set_argument = nullptr;
    decltype(&::clEnqueueNDRangeKernel) enqueue_kernel = nullptr;
    decltype(&::clCreateBuffer) create_buffer = nullptr;
    decltype(&::clReleaseMemObject) release_buffer = nullptr;
    decltype(&::clEnqueueWriteBuffer) enqueue_write = nullptr;
    decltype(&::clEnqueueReadBuffer) enqueue_read = nullptr;
    decltype(&::clFinish) finish = nullptr;
};

/// Loaded once; null where the loader or one of the functions is missing.
const OpenClApi* opencl_api();

}  // namespace daidd::device
