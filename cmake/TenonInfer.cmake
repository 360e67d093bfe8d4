# libtenon-infer: what runs engines (<tenon/infer.h>) and nothing else. The same sources, without what makes models and trains
# them: compiled with TN_INFER (src/base/whole.h), which leaves backward out, and linked from sections of one function
# each, so that only what an engine needs is in it.
set(infer_source ${core})
list(FILTER infer_source EXCLUDE REGEX "/src/(runs|caffe|onnx|import|export|eval|quantise|tune|profile)/")
list(FILTER infer_source EXCLUDE REGEX "/src/model/(open|save)[.]c$|/src/model/passes/|/src/io/(checkpoint|proto)[a-z_]*[.]c$")
# What computes little: its size matters more than its speed.
set(infer_small ${infer_source})
list(FILTER infer_small INCLUDE REGEX "/src/(base|graph|layers|optim|plan|run|group|io|model|infer|devices)/")
list(REMOVE_ITEM infer_source ${infer_small})

function(tenon_infer_options name small)
  target_include_directories(${name} PRIVATE src include)
  target_link_libraries(${name} PRIVATE tenon_depends)
  target_compile_definitions(${name} PRIVATE TN_INFER=1 TENON_VERSION="${PROJECT_VERSION}"
                                             TENON_LIBDIR="${CMAKE_INSTALL_LIBDIR}")
  target_compile_options(${name} PRIVATE -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables)
  if(small AND CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_options(${name} PRIVATE -Os)
  endif()
endfunction()

add_library(tenon_infer_small OBJECT ${infer_small} ${ops_TABLE})
add_library(tenon_infer_fast OBJECT ${infer_source} ${TENON_CPU_SOURCES})
tenon_infer_options(tenon_infer_small ON)
tenon_infer_options(tenon_infer_fast OFF)
set(infer_objects $<TARGET_OBJECTS:tenon_infer_small> $<TARGET_OBJECTS:tenon_infer_fast>)
foreach(isa IN LISTS TENON_CPU_ISAS)
  tenon_cpu_code(tenon_infer_${isa} ${isa})
  if(isa STREQUAL portable)
    tenon_infer_options(tenon_infer_${isa} ON)
  else()
    tenon_infer_options(tenon_infer_${isa} OFF)
  endif()
  list(APPEND infer_objects $<TARGET_OBJECTS:tenon_infer_${isa}>)
endforeach()

foreach(kind static shared)
  string(TOUPPER ${kind} upper)
  add_library(tenon_infer_${kind} ${upper} ${infer_objects})
  target_include_directories(tenon_infer_${kind} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(tenon_infer_${kind} PRIVATE tenon_depends)
  set_target_properties(tenon_infer_${kind} PROPERTIES OUTPUT_NAME tenon-infer EXPORT_NAME infer_${kind}
                        VERSION ${PROJECT_VERSION} SOVERSION ${abi})
  add_library(tenon::infer_${kind} ALIAS tenon_infer_${kind})
endforeach()
# Only what its headers offer; what nothing of that needs goes.
set(exports ${PROJECT_SOURCE_DIR}/cmake/tenon-infer.map)
target_link_options(tenon_infer_shared PRIVATE LINKER:--version-script=${exports} LINKER:--gc-sections)
set_target_properties(tenon_infer_shared PROPERTIES LINK_DEPENDS ${exports})
if(NOT TENON_SANITIZE)
  target_link_options(tenon_infer_shared PRIVATE LINKER:--no-undefined)
endif()
target_link_options(tenon_infer_static INTERFACE LINKER:--gc-sections)
