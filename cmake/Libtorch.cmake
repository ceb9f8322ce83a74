# Imports libtorch from a pip-installed torch wheel:
#   libtorch::cpu    headers, libtorch_cpu, libc10
#   libtorch::cuda   the above, libtorch_cuda, libc10_cuda and the CUDA headers (where both are found)
# TorchConfig.cmake is not used: it insists on a CUDA toolkit, rewrites CMAKE_CUDA_FLAGS and links
# libtorch_cuda into every program, which a CPU-only machine cannot load.
file(STRINGS "${PROJECT_SOURCE_DIR}/tools/requirements-runtime.txt" torch_pin REGEX "^torch==")
string(REPLACE "torch==" "" SD_TORCH_VERSION "${torch_pin}")
set(SD_TORCH_DIR "" CACHE PATH "site-packages/torch of the pinned wheel (empty: search)")
set(SD_CUDA_ROOT "/usr/local/cuda" CACHE PATH "CUDA toolkit")

if(NOT SD_TORCH_DIR)
  foreach(cache_dir "$ENV{SD_CACHE}" "$ENV{XDG_CACHE_HOME}/sd" "$ENV{HOME}/.cache/sd")
    file(GLOB candidates "${cache_dir}/venv/lib/python3*/site-packages/torch")
    if(candidates AND NOT SD_TORCH_DIR)
      list(GET candidates 0 SD_TORCH_DIR)
    endif()
  endforeach()
endif()
if(NOT SD_TORCH_DIR)
  find_package(Python3 COMPONENTS Interpreter REQUIRED)
  execute_process(  # find_spec does not import torch, so it works without the CUDA libraries
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE SD_TORCH_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT EXISTS "${SD_TORCH_DIR}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "No libtorch: run tools/setup.sh, or pass -DSD_TORCH_DIR=…/site-packages/torch "
                      "of torch==${SD_TORCH_VERSION} (looked in '${SD_TORCH_DIR}').")
endif()
file(STRINGS "${SD_TORCH_DIR}/version.py" version_line REGEX "^__version__")
if(NOT version_line MATCHES "'${SD_TORCH_VERSION}[+']")
  message(FATAL_ERROR "torch ${SD_TORCH_VERSION} is needed, ${SD_TORCH_DIR} says ${version_line}.")
endif()
string(REGEX REPLACE "^[^']*'([^']*)'.*" "\\1" SD_TORCH_FULL_VERSION "${version_line}")
file(STRINGS "${SD_TORCH_DIR}/version.py" cuda_line REGEX "^cuda.*'")
string(REGEX MATCH "[0-9]+[.][0-9]+" SD_TORCH_CUDA_VERSION "${cuda_line}")
message(STATUS "libtorch ${SD_TORCH_VERSION}: ${SD_TORCH_DIR}")

get_filename_component(site_packages "${SD_TORCH_DIR}" DIRECTORY)
set(SD_TORCH_RPATH "${SD_TORCH_DIR}/lib")
foreach(folder nvidia/cu13 nvidia/cudnn nvidia/nccl nvidia/cusparselt nvidia/nvshmem)
  if(IS_DIRECTORY "${site_packages}/${folder}/lib")
    list(APPEND SD_TORCH_RPATH "${site_packages}/${folder}/lib")
  endif()
endforeach()
if(EXISTS "${SD_CUDA_ROOT}/lib64/libcudart.so.13")
  list(APPEND SD_TORCH_RPATH "${SD_CUDA_ROOT}/lib64")
endif()

foreach(library c10 torch_cpu c10_cuda torch_cuda)
  if(EXISTS "${SD_TORCH_DIR}/lib/lib${library}.so")
    add_library(libtorch_${library} SHARED IMPORTED GLOBAL)
    set_target_properties(libtorch_${library} PROPERTIES IMPORTED_LOCATION
                                                         "${SD_TORCH_DIR}/lib/lib${library}.so")
  endif()
endforeach()

add_library(libtorch_headers INTERFACE IMPORTED GLOBAL)
target_include_directories(libtorch_headers SYSTEM INTERFACE
  "${SD_TORCH_DIR}/include" "${SD_TORCH_DIR}/include/torch/csrc/api/include")
target_compile_definitions(libtorch_headers INTERFACE AT_PER_OPERATOR_HEADERS)
foreach(folder IN LISTS SD_TORCH_RPATH)  # so that ld can close the graph of shared libraries
  target_link_options(libtorch_headers INTERFACE "LINKER:-rpath-link,${folder}")
endforeach()
# DT_RPATH, not DT_RUNPATH: only that of the executable is searched for the libcudart and libcupti
# that libtorch_cpu itself needs.
target_link_options(libtorch_headers INTERFACE "LINKER:--disable-new-dtags")

add_library(libtorch::cpu INTERFACE IMPORTED GLOBAL)
target_link_libraries(libtorch::cpu INTERFACE libtorch_headers libtorch_torch_cpu libtorch_c10)

# The CUDA half needs the toolkit's headers: its own folder has them, or NVIDIA's wheels do.
find_path(SD_CUDA_INCLUDE_DIR NAMES cusolverDn.h
          HINTS "${SD_CUDA_ROOT}/include" "${site_packages}/nvidia/cu13/include")
find_library(SD_CUDART NAMES libcudart.so.13 PATHS ${SD_TORCH_RPATH} NO_DEFAULT_PATH)
if(SD_CUDA AND SD_CUDA_INCLUDE_DIR AND SD_CUDART AND TARGET libtorch_torch_cuda)
  add_library(libtorch::cuda INTERFACE IMPORTED GLOBAL)
  target_include_directories(libtorch::cuda SYSTEM INTERFACE "${SD_CUDA_INCLUDE_DIR}")
  target_link_libraries(libtorch::cuda INTERFACE libtorch::cpu libtorch_torch_cuda libtorch_c10_cuda
                                                 "${SD_CUDART}")
  message(STATUS "CUDA half: with the headers in ${SD_CUDA_INCLUDE_DIR}")
else()
  message(STATUS "CUDA half: left out (no CUDA headers, or SD_CUDA is OFF)")
endif()
