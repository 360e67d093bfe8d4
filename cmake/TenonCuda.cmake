# The backend for NVIDIA's GPUs, tenon_cuda.so, and the simulated GPU that the tests run its very sources
# on, tenon_sim.so. TENON_CUDA: AUTO (where the toolkit and cuDNN's header are), ON (or stop), OFF.
#
# Sets TENON_CUDA_FOUND, TENON_CUDA_MODULE and TENON_SIM_MODULE (what is built), and for the summary
# TENON_CUDA_WHY (why something is not).
set(TENON_CUDA AUTO CACHE STRING "The backend for NVIDIA's GPUs: AUTO, ON or OFF")
set_property(CACHE TENON_CUDA PROPERTY STRINGS AUTO ON OFF)
set(TENON_CUDA_FOUND OFF)
set(TENON_CUDA_MODULE OFF)
set(TENON_SIM_MODULE OFF)
set(TENON_CUDA_WHY "TENON_CUDA is OFF")
if(TENON_CUDA STREQUAL OFF)
  return()
endif()

find_package(CUDAToolkit QUIET)
find_path(TENON_CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
mark_as_advanced(TENON_CUDNN_INCLUDE_DIR)
if(NOT CUDAToolkit_FOUND)
  set(TENON_CUDA_WHY "there is no CUDA toolkit here (nvcc on the PATH, or -DCUDAToolkit_ROOT=...)")
elseif(CUDAToolkit_VERSION VERSION_LESS 12.4 OR CUDAToolkit_VERSION VERSION_GREATER_EQUAL 14)
  set(TENON_CUDA_WHY "the CUDA toolkit is ${CUDAToolkit_VERSION}, not 12.4 to 13.x")
elseif(NOT TENON_CUDNN_INCLUDE_DIR)
  set(TENON_CUDA_WHY "there is no cudnn.h (-DTENON_CUDNN_INCLUDE_DIR=...)")
else()
  file(STRINGS ${TENON_CUDNN_INCLUDE_DIR}/cudnn_version.h lines REGEX "define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
  string(REGEX REPLACE "[^0-9;]" "" TENON_CUDNN_VERSION "${lines}")
  string(REPLACE ";" "." TENON_CUDNN_VERSION "${TENON_CUDNN_VERSION}")
  if(TENON_CUDNN_VERSION VERSION_LESS 9.8 OR TENON_CUDNN_VERSION VERSION_GREATER_EQUAL 10)
    set(TENON_CUDA_WHY "cuDNN is ${TENON_CUDNN_VERSION}, not 9.8 to 9.x")
  else()
    set(TENON_CUDA_FOUND ON)
    set(TENON_CUDA_WHY "")
  endif()
endif()
include(cmake/TenonNccl.cmake)
if(NOT TENON_CUDA_FOUND)
  if(TENON_CUDA STREQUAL ON)
    message(FATAL_ERROR "TENON_CUDA is ON, but ${TENON_CUDA_WHY}.")
  endif()
  return()
endif()

# ---- what both modules are made of ------------------------------------------------------------------

set(folder ${PROJECT_SOURCE_DIR}/src/backends/cuda)
tenon_table(cuda       FOLDER ${folder} HEADER backends/backend.h
            TYPE tn_kernel SYMBOL tn_cuda_ ARRAY tn_cuda_kernels)
tenon_table(cuda_optim FOLDER ${folder}/optim HEADER backends/backend.h
            TYPE tn_optim_kernel SYMBOL tn_cuda_optim_ ARRAY tn_cuda_optims)
# One file an op and kernel lies in the folder itself; what these are made of in one folder a family.
file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c ${folder}/*/*.c)
list(FILTER sources EXCLUDE REGEX "/libraries/[a-z]+\\.c$")
tenon_without_nccl(sources)
file(GLOB kernels CONFIGURE_DEPENDS ${folder}/kernels/*.cu)
include(cmake/TenonGpus.cmake)

# Ranges for Nsight: headers alone, of the toolkit.
set(TENON_NVTX_FOUND OFF)
find_file(TENON_NVTX_HEADER nvtx3/nvToolsExt.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
mark_as_advanced(TENON_NVTX_HEADER)
if(TENON_NVTX_HEADER)
  set(TENON_NVTX_FOUND ON)
endif()
add_library(tenon_cuda_objects OBJECT ${sources} ${cuda_TABLE} ${cuda_optim_TABLE} ${gpus_TABLE}
            src/base/lent.c src/base/number.c src/base/text.c src/base/random.c src/base/cgroup.c src/base/thread.c
            src/tensor/tensor.c src/tensor/route.c src/tensor/product.c
            src/backends/adjoint.c src/backends/broadcast.c src/backends/options.c
            src/backends/precision.c)
target_include_directories(tenon_cuda_objects PRIVATE src include)
target_include_directories(tenon_cuda_objects SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS}
                           ${TENON_CUDNN_INCLUDE_DIR} ${TENON_NCCL_INCLUDE})
target_compile_definitions(tenon_cuda_objects PRIVATE TENON_VERSION="${PROJECT_VERSION}"
                           TENON_NCCL=$<BOOL:${TENON_NCCL_FOUND}> TN_NVTX=$<BOOL:${TENON_NVTX_FOUND}>)

# Only tn_module_open() and what tests ask of the simulation can be seen from outside.
set(exports ${CMAKE_CURRENT_BINARY_DIR}/module.map)
file(CONFIGURE OUTPUT ${exports} CONTENT "{ global: tn_module_open; tn_sim_*; local: *; };\n")
function(tenon_module name)
  add_library(${name} MODULE $<TARGET_OBJECTS:tenon_cuda_objects> ${ARGN})
  target_include_directories(${name} PRIVATE src include)
  target_include_directories(${name} SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS} ${TENON_CUDNN_INCLUDE_DIR}
                             ${TENON_NCCL_INCLUDE})
  target_link_options(${name} PRIVATE LINKER:--version-script=${exports})
  if(NOT TENON_SANITIZE)
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE Threads::Threads m ${CMAKE_DL_LIBS})
endfunction()

# ---- tenon_cuda.so ----------------------------------------------------------------------------------

# nvcc has no sanitizers.
if(NOT TENON_SANITIZE)
  set(TENON_CUDA_MODULE ON)
  # Code for each of these that nvcc knows, and PTX of the last for whatever comes after it.
  set(TENON_CUDA_ARCHITECTURES 75 80 86 89 90 100 120 CACHE STRING "Compute capabilities to build for")
  execute_process(COMMAND ${CUDAToolkit_NVCC_EXECUTABLE} --list-gpu-arch OUTPUT_VARIABLE known)
  set(code "")
  set(last "")
  foreach(sm IN LISTS TENON_CUDA_ARCHITECTURES)
    if(known MATCHES "compute_${sm}\n")
      list(APPEND code "-gencode=arch=compute_${sm},code=sm_${sm}")
      set(last ${sm})
    endif()
  endforeach()
  list(APPEND code "-gencode=arch=compute_${last},code=compute_${last}")
  # nvcc tells registers, shared memory and spills of each kernel; kept beside the object.
  set(objects "")
  set(reports "")
  foreach(k IN LISTS kernels)
    get_filename_component(stem ${k} NAME_WE)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/kernels/${stem}.o)
    set(report ${CMAKE_CURRENT_BINARY_DIR}/kernels/${stem}.ptxas)
    add_custom_command(OUTPUT ${object} BYPRODUCTS ${report}
      COMMAND ${CMAKE_COMMAND} -DREPORT=${report} -P ${PROJECT_SOURCE_DIR}/cmake/TenonNvcc.cmake --
              ${CUDAToolkit_NVCC_EXECUTABLE} -std=c++17 -O3 ${code} -ccbin ${CMAKE_CXX_COMPILER}
              -Xcompiler=-fPIC,-fvisibility=hidden,-Wall,-Wno-unused-function -Xptxas=-v -lineinfo
              --fmad=true -MD -MF ${object}.d -I${PROJECT_SOURCE_DIR}/src -I${PROJECT_SOURCE_DIR}/include
              -c ${k} -o ${object}
      DEPENDS ${k} DEPFILE ${object}.d COMMENT "Compiling kernels/${stem}.cu for GPUs" VERBATIM)
    list(APPEND objects ${object})
    list(APPEND reports ${report})
  endforeach()
  file(GLOB libraries CONFIGURE_DEPENDS ${folder}/libraries/*.c)
  tenon_without_nccl(libraries)
  tenon_module(tenon_cuda ${libraries} ${objects})
  set_source_files_properties(${objects} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  target_link_libraries(tenon_cuda PRIVATE CUDA::cudart_static)
  # What nvcc makes of a kernel's host side initialises a static variable, which takes a little of C++'s
  # library: of its static one, so that no other need be there.
  set_target_properties(tenon_cuda PROPERTIES LINKER_LANGUAGE CXX)
  target_link_options(tenon_cuda PRIVATE -static-libstdc++ -static-libgcc)
  if(TENON_PYTHON)
    add_custom_command(TARGET tenon_cuda POST_BUILD
      COMMAND ${TENON_PYTHON} -B ${PROJECT_SOURCE_DIR}/cmake/ptxas_report.py ${reports})
  endif()
  set(TENON_PTXAS_REPORTS ${reports})
endif()

# ---- tenon_sim.so -----------------------------------------------------------------------------------

if(TENON_TESTS)
  set(TENON_SIM_MODULE ON)
  file(GLOB simulation CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/sim/*.c)
  tenon_without_nccl(simulation)
  tenon_module(tenon_sim ${simulation} ${kernels})
  set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX)
  set_source_files_properties(${kernels} PROPERTIES COMPILE_OPTIONS "-xc++;-DTN_SIM")
  target_compile_features(tenon_sim PRIVATE cxx_std_17)
  target_compile_options(tenon_sim PRIVATE -O2) # tests run it for long
endif()
