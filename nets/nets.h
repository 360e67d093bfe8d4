/*
 * The networks: each a function that a program may copy, and a text beside it, NAME.net, that
 * tn_graph_read() takes; docs/nets.md has their parameters, operations and sources.
 */
#ifndef TENON_NETS_H
#define TENON_NETS_H

#include <tenon/tenon.h>

enum {
    NET_NAME = 64, /* room for the name of a node */
    NET_AUX = 2    /* classifiers beside the last one, at most */
};

typedef struct net {
    const char *name;
    const char *about;
    int size;     /* side of the images it was made for */
    int resize;   /* to which their short side is scaled before the middle is cut out */
    int channels; /* 3: RGB; 1: grey */
    int classes;  /* of the data that it was published for */
    bool pixels;  /* a class a pixel, not an image */
    tn_image_input_opts input;
    /* x: N x channels x size x size;  y: N x classes, or N x classes x size x size: logits */
    tn_value (*build)(tn_graph *g, tn_value x, int classes);
    /* The same with NET_AUX further logits that only training uses; NULL: it has none. */
    tn_value (*build_training)(tn_graph *g, tn_value x, int classes, tn_value aux[NET_AUX]);
} net;

/* NULL if there is none of that name. */
const net *net_find(const char *name);

/* The name of each, in a row until NULL. */
const char *net_name(int index);
/* All of them: "torchvision, caffe, ...". */
const char *net_names(void);

/* What a loss reads. label: N i32, or N x size x size. Of images that are mixed in pairs also the partners' labels and the
 * shares of the first, as tn_softmax_xent_mixed() has them; else the zero handle. */
typedef struct net_labels {
    tn_value label, partner, share;
} net_labels;

/* The network and its loss, the cross entropy and 0.3 of that of each further classifier. *logits: of the last classifier;
 * counts are its own. */
tn_loss net_train(const net *n, tn_graph *g, tn_value x, net_labels labels, int classes,
                  const tn_softmax_xent_opts *opts, tn_value *logits);

tn_value net_torchvision(tn_graph *g, tn_value x, int classes);
tn_value net_slim(tn_graph *g, tn_value x, int classes);
tn_value net_caffe(tn_graph *g, tn_value x, int classes);
tn_value net_krizhevsky(tn_graph *g, tn_value x, int classes);
tn_value net_lenet(tn_graph *g, tn_value x, int classes);
tn_value net_vgg11(tn_graph *g, tn_value x, int classes);
tn_value net_vgg16(tn_graph *g, tn_value x, int classes);
tn_value net_googlenet(tn_graph *g, tn_value x, int classes);
tn_value net_googlenet_training(tn_graph *g, tn_value x, int classes, tn_value *aux);
tn_value net_resnet18(tn_graph *g, tn_value x, int classes);
tn_value net_resnet50(tn_graph *g, tn_value x, int classes);
tn_value net_mobilenet_v2(tn_graph *g, tn_value x, int classes);
tn_value net_densenet121(tn_graph *g, tn_value x, int classes);
tn_value net_squeezenet(tn_graph *g, tn_value x, int classes);
tn_value net_unet(tn_graph *g, tn_value x, int classes);
tn_value net_vit_tiny(tn_graph *g, tn_value x, int classes);

#endif
