/* Somebody else's program: builds a shape, prints what it is and where the library came from. */
#include <tenon/tenon.h>

int main(void)
{
    const tn_shape shape = TN_SHAPE(128, 3, 224, 224);
    int64_t count = 0;
    tn_must(tn_shape_count(&shape, &count));
    printf("tenon %s: %s is %lld elements\n", tn_version(), tn_shape_format(&shape).text,
           (long long)count);
    return count == 128LL * 3 * 224 * 224 ? 0 : 1;
}
