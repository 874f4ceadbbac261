# What src/device needs beside its own .cpp files: OpenCL's headers, the kernels as text, the CUDA module.

# The OpenCL loader is opened at run time; only its headers are needed to build.
find_path(OPENCL_HEADERS CL/cl.h)
if(NOT OPENCL_HEADERS)
  message(FATAL_ERROR "CL/cl.h is missing: contrib/setup installs it (Debian: opencl-headers)")
endif()

# The kernels are one text for OpenCL: later files use what earlier ones define.
function(daidd_device_kernels)
  set(text "")
  foreach(file IN ITEMS dialect.h arithmetic.h rows.cl linear.cl attention.cl noised.cl blake2s.cl)
    set(path ${PROJECT_SOURCE_DIR}/src/device/kernels/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} part)
    string(APPEND text "${part}")
  endforeach()
  set(all ${PROJECT_BINARY_DIR}/embedded/kernels.cl)
  file(CONFIGURE OUTPUT ${all} @ONLY CONTENT "@text@")
  daidd_embed(device kernel_source ${all})
endfunction()

# libdaidd_cuda.so beside the programs, built by nvcc where it is found; nothing links to it. nvcc is called by hand
# because CMake's CUDA language would hand it the C++ compiler's warnings.
set(DAIDD_CUDA AUTO CACHE STRING "The CUDA module: AUTO (where nvcc is found), ON or OFF")
set(DAIDD_CUDA_ARCHITECTURES 75 80 CACHE STRING
    "Compute capabilities to compile for; the last one also as PTX, for GPUs that came later")
if(DAIDD_CUDA)
  find_program(NVCC nvcc HINTS ENV CUDACXX ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT NVCC AND NOT DAIDD_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "DAIDD_CUDA is ON, but there is no nvcc in PATH, CUDA_PATH or /usr/local/cuda")
  endif()
endif()

function(daidd_cuda_module)
  if(NOT DAIDD_CUDA OR NOT NVCC)
    return()
  endif()
  set(flags -std=c++20 -O3 -Xcompiler=-fPIC,-Wall,-Wextra,-fvisibility=hidden
      -I${PROJECT_SOURCE_DIR}/src)
  foreach(architecture IN LISTS DAIDD_CUDA_ARCHITECTURES)
    list(APPEND flags -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(GET DAIDD_CUDA_ARCHITECTURES -1 newest)
  list(APPEND flags -gencode=arch=compute_${newest},code=compute_${newest})
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/device/*.h
       ${CMAKE_CURRENT_SOURCE_DIR}/device/cuda/*.h ${CMAKE_CURRENT_SOURCE_DIR}/device/kernels/*)
  set(objects "")
  foreach(name IN ITEMS kernels multiply module)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/device/cuda/${name}.cu)
    set(object ${PROJECT_BINARY_DIR}/cuda/${name}.o)
    list(APPEND objects ${object})
    add_custom_command(OUTPUT ${object} COMMAND ${NVCC} ${flags} -c -o ${object} ${source}
                       DEPENDS ${source} ${headers} VERBATIM COMMENT "Compiling CUDA ${name}.cu")
  endforeach()
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/cuda)
  set(module ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/libdaidd_cuda.so)
  get_filename_component(toolkit ${NVCC} REALPATH)
  get_filename_component(toolkit ${toolkit} DIRECTORY)
  add_custom_command(OUTPUT ${module}
                     COMMAND ${NVCC} -shared -cudart static -o ${module} ${objects} -lcublasLt
                             -Xlinker=-rpath,${toolkit}/../lib64
                     DEPENDS ${objects} VERBATIM COMMENT "Linking libdaidd_cuda.so")
  add_custom_target(daidd_cuda ALL DEPENDS ${module})
endfunction()
