/* Nets of Caffe's: src/caffe. */
#include "caffe/import.h"

const tn_importer tn_import_caffe = {"Caffe", tn_caffe_knows, tn_caffe_open};
