# daidd_vector_flags(source...)
#
# A file named *_avx2.cpp is compiled for AVX2, one named *_avx512.cpp for AVX-512 with VNNI, *_amx.cpp for
# AMX-INT8 as well; whoever calls into it asks the processor first. PREFETCHW, which all of those have, does
# nothing where it is missing. g++ 12 takes the undefined lanes inside its own <immintrin.h> for variables that
# were forgotten (GCC bug 105593).
function(daidd_vector_flags)
  foreach(source IN LISTS ARGN)
    if(source MATCHES "_avx2\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2")
    elseif(source MATCHES "_amx\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mprfchw;-mamx-tile;-mamx-int8;-Wno-uninitialized")
    elseif(source MATCHES "_avx512\\.cpp$")
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
                                  "-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;-mprfchw;-Wno-uninitialized")
    endif()
  endforeach()
endfunction()

# daidd_library(NAME USES folder... LINKS library...)
#
# Makes one static library of src/NAME. Its headers are reachable only by the targets that name it
# (directly or through what they use), so an #include against the direction of the graph does not
# compile. A folder can only use folders declared above it, so the graph cannot have a cycle.
function(daidd_library NAME)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${NAME}/*.cpp)
  add_library(${NAME} STATIC ${sources})
  daidd_vector_flags(${sources})

  set(view ${PROJECT_BINARY_DIR}/include/${NAME})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${NAME} ${view}/${NAME} SYMBOLIC)
  target_include_directories(${NAME} PUBLIC ${view})

  foreach(dependency IN LISTS ARG_USES)
    if(NOT TARGET ${dependency})
      message(FATAL_ERROR "src/${NAME} uses '${dependency}', which is not declared above it.")
    endif()
  endforeach()
  target_link_libraries(${NAME} PUBLIC ${ARG_USES} PRIVATE ${ARG_LINKS})
endfunction()
