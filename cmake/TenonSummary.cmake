# The table at the end of configuration: what was found, what it is for, what its lack costs.

function(tenon_row what found text)
  string(LENGTH "${what}" width)
  math(EXPR gap "18 - ${width}")
  string(REPEAT " " ${gap} pad1)
  string(LENGTH "${found}" width)
  math(EXPR gap "10 - ${width}")
  if(gap LESS 1)
    set(gap 1)
  endif()
  string(REPEAT " " ${gap} pad2)
  message(STATUS "  ${what}${pad1}${found}${pad2}${text}")
endfunction()

# One row of something optional.
function(tenon_row_if found what version yes no)
  if(${found})
    tenon_row("${what}" "${version}" "${yes}")
  else()
    tenon_row("${what}" "-" "${no}")
  endif()
endfunction()

set(kind ${CMAKE_BUILD_TYPE})
if(TENON_SANITIZE)
  string(APPEND kind ", sanitizers: ${TENON_SANITIZE}")
endif()
if(TENON_WERROR)
  string(APPEND kind ", warnings are errors")
endif()

message(STATUS "")
message(STATUS "Tenon ${PROJECT_VERSION}: ${kind}; ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}")
tenon_row_if(TENON_DNNL_FOUND "oneDNN" "${TENON_DNNL_VERSION}" "backend cpu"
             "backend cpu computes most layers by its reference kernels: slow (libdnnl-dev)")
tenon_row("OpenMP" "${OpenMP_C_VERSION}" "loops of several numbers at once; oneDNN's threads")
tenon_row("cJSON" "${CJSON_VERSION}" "headers of checkpoints, files of runs")
tenon_row("xxHash" "${XXHASH_VERSION}" "digests of parameters and pictures")
tenon_row("stb_image" "${STB_VERSION}" "BMP; PNG and JPEG where their libraries are not here")
tenon_row_if(TENON_JPEG_CROPS "libjpeg-turbo" "${JPEG_TURBO_VERSION}"
             "JPEG, decoding only the part that is wanted"
             "JPEG is decoded whole by stb_image, several times slower; pages have no pictures (libjpeg-dev)")
tenon_row_if(PNG_FOUND "libpng" "${PNG_VERSION_STRING}" "PNG, all checksums checked"
             "PNG by stb_image; of the checksums the CRCs are checked (libpng-dev)")
tenon_row_if(WEBP_FOUND "libwebp" "${WEBP_libwebp_VERSION}" "WebP" "WebP is refused (libwebp-dev)")
tenon_row_if(GIF_FOUND "giflib" "${GIF_VERSION}" "GIF" "GIF is refused (libgif-dev)")
tenon_row_if(ZLIB_FOUND "zlib" "${ZLIB_VERSION_STRING}" "examples/mnist reads .gz files"
             "examples/mnist reads unpacked files only (zlib1g-dev)")
tenon_row_if(TENON_MICROHTTPD_FOUND "libmicrohttpd" "${MICROHTTPD_VERSION}" "tenon serve, runs in a browser"
             "there is no tenon serve (libmicrohttpd-dev)")
tenon_row_if(TENON_FFMPEG_FOUND "FFmpeg" "${FFMPEG_libavcodec_VERSION}" "tenon video"
             "there is no tenon video (libavformat-dev libavfilter-dev libswscale-dev)")
if(TENON_TESTS)
  if(TENON_PYTHON)
    execute_process(COMMAND ${TENON_PYTHON} -V OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REPLACE "Python " "" version "${version}")
  endif()
  tenon_row("cmocka" "${CMOCKA_VERSION}" "tests")
  tenon_row_if(TENON_PYTHON "python3" "${version}" "tests of the tree itself and of file formats"
               "those tests are left out (python3)")
endif()
tenon_row_if(TENON_CUDA_MODULE "CUDA" "${CUDAToolkit_VERSION}" "backend cuda, for GPUs: ${TENON_CUDA_ARCHITECTURES}"
             "no backend for GPUs: ${TENON_CUDA_WHY}")
tenon_row_if(TENON_CUDA_FOUND "cuDNN" "${TENON_CUDNN_VERSION}" "convolutions of backend cuda; opened when a GPU is"
             "-")
if(TENON_CUDA_FOUND)
  tenon_row_if(TENON_NCCL_FOUND "NCCL" "${TENON_NCCL_VERSION}" "several GPUs of backend cuda; opened when they are"
               "one GPU at a time: ${TENON_NCCL_WHY}")
endif()
tenon_row_if(TENON_MPI_FOUND "MPI" "${TENON_MPI_VERSION}" "training in several processes, by mpirun"
             "training in one process: ${TENON_MPI_WHY}")
message(STATUS "")
