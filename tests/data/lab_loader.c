#include "lab_loader.h"

#include "lab.h"

tn_loader_opts lab_augmented(void)
{
    return (tn_loader_opts){.batch = 4,
                            .height = 16,
                            .width = 20,
                            .crop = TN_CROP_RANDOM_RESIZED,
                            .flip = true,
                            .brightness = 0.4f,
                            .contrast = 0.4f,
                            .saturation = 0.4f,
                            .lighting = 0.1f,
                            .shuffle = true,
                            .seed = 11};
}

tn_loader *lab_open_loader(const tn_dataset *from, const tn_loader_opts *opts)
{
    tn_loader *loader = NULL;
    assert_ok(tn_loader_open(&loader, from, opts));
    return loader;
}
