/* Somebody else's program: one step of training, as a foreign project that knows <tenon/...> only. */
#include <tenon/tenon.h>

int main(void)
{
    float x[] = {1, 2, 3, 4, 5, 6}, before, after;
    int32_t labels[] = {0, 1};
    tn_graph *g = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;

    tn_must(tn_graph_create(&g));
    const tn_value in = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
    const tn_value label = tn_input(g, "label", TN_I32, TN_SHAPE(2));
    const tn_value y = tn_dense(g, in, &(tn_dense_opts){.units = 2});
    const tn_loss loss = tn_softmax_xent(g, y, label, NULL);
    tn_must(tn_device_open(&device, "cpu"));
    tn_must(tn_plan_create(&plan, g, device,
                           &(tn_plan_opts){.loss = loss.loss, .optim = tn_sgd(NULL), .seed = 1}));
    tn_must(tn_plan_set(plan, in, (tn_tensor){TN_F32, TN_SHAPE(2, 3), x}));
    tn_must(tn_plan_set(plan, label, (tn_tensor){TN_I32, TN_SHAPE(2), labels}));
    tn_must(tn_plan_run(plan));
    tn_must(tn_plan_get(plan, loss.loss, (tn_tensor){TN_F32, {0}, &before}));
    tn_must(tn_plan_update(plan, 0.01f));
    tn_must(tn_plan_run(plan));
    tn_must(tn_plan_get(plan, loss.loss, (tn_tensor){TN_F32, {0}, &after}));
    printf("tenon %s on %s: loss %.4f, then %.4f\n", tn_version(), tn_device_name(device),
           (double)before, (double)after);

    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_graph_destroy(g);
    return after < before ? 0 : 1;
}
