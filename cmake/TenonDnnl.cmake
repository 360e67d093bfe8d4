# Finds oneDNN 2.6 or later and defines DNNL::dnnl and TENON_DNNL_VERSION; says nothing if it is not
# there. oneDNN's own CMake package is passed over: as Debian builds it, it asks for OpenCL's headers,
# which Tenon has no use for. Installed beside tenonConfig.cmake too.
find_path(TENON_DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.h)
find_library(TENON_DNNL_LIBRARY dnnl)
mark_as_advanced(TENON_DNNL_INCLUDE_DIR TENON_DNNL_LIBRARY)
set(TENON_DNNL_VERSION "")
if(TENON_DNNL_INCLUDE_DIR AND TENON_DNNL_LIBRARY)
  file(STRINGS ${TENON_DNNL_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h TENON_DNNL_LINES
       REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE "[^0-9;]" "" TENON_DNNL_VERSION "${TENON_DNNL_LINES}")
  string(REPLACE ";" "." TENON_DNNL_VERSION "${TENON_DNNL_VERSION}")
  if(NOT TARGET DNNL::dnnl)
    add_library(DNNL::dnnl UNKNOWN IMPORTED)
    set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${TENON_DNNL_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${TENON_DNNL_INCLUDE_DIR})
  endif()
endif()
