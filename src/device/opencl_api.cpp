#include "device/opencl_api.h"

#include <dlfcn.h>

#include <optional>

namespace daidd::device {
namespace {

std::optional<OpenClApi> load() {
    // Never closed: drivers leave threads behind that run in it.
    void* library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return std::nullopt;
    bool is_complete = true;
    const auto find = [&]<class F>(F& function, const char* name) {
        function = reinterpret_cast<F>(dlsym(library, name));
        is_complete = is_complete && function != nullptr;
    };
    OpenClApi api;
    find(api.get_platform_ids, "clGetPlatformIDs");
    find(api.get_platform_info, "clGetPlatformInfo");
    find(api.get_device_ids, "clGetDeviceIDs");
    find(api.get_device_info, "clGetDeviceInfo");
    find(api.create_context, "clCreateContext");
    find(api.release_context, "clReleaseContext");
    find(api.create_queue, "clCreateCommandQueue");
    find(api.release_queue, "clReleaseCommandQueue");
    find(api.create_program, "clCreateProgramWithSource");
    find(api.build_program, "clBuildProgram");
    find(api.get_build_info, "clGetProgramBuildInfo");
    find(api.release_program, "clReleaseProgram");
    find(api.create_kernel, "clCreateKernel");
    find(api.release_kernel, "clReleaseKernel");
    find(api.set_argument, "clSetKernelArg");
    find(api.enqueue_kernel, "clEnqueueNDRangeKernel");
    find(api.create_buffer, "clCreateBuffer");
    find(api.release_buffer, "clReleaseMemObject");
    find(api.enqueue_write, "clEnqueueWriteBuffer");
    find(api.enqueue_read, "clEnqueueReadBuffer");
    find(api.finish, "clFinish");
    return is_complete ? std::optional{api} : std::nullopt;
}

}  // namespace

const OpenClApi* opencl_api() {
    static const std::optional<OpenClApi> api = load();
    return api ? &*api : nullptr;
}

}  // namespace daidd::device
