/* The queue between the threads of tenon-video: order, room, what is dropped, who waits and who is woken. */
#include <pthread.h>
#include <stdint.h>

#include "common/progress.h"
#include "lab.h"
#include "video/queue.h"

static int number[1000];

static void *item(int i)
{
    return &number[i];
}

static void the_first_comes_out_first(void **state)
{
    (void)state;
    void *room[3];
    queue q;
    queue_make(&q, room, 3, false, NULL);
    for (int i = 0; i < 100; i++) { /* around its end */
        assert_null(queue_put(&q, item(i)));
        assert_null(queue_put(&q, item(i + 1)));
        assert_int_equal(queue_left(&q), 1);
        assert_ptr_equal(queue_take(&q), item(i));
        assert_ptr_equal(queue_wait(&q), item(i + 1));
        assert_null(queue_take(&q));
    }
    queue_free(&q);
}

static void one_that_drops_keeps_the_newest(void **state)
{
    (void)state;
    void *room[4];
    queue q;
    queue_make(&q, room, 4, true, NULL);
    for (int i = 0; i < 50; i++)
        assert_ptr_equal(queue_put(&q, item(i)), i < 4 ? NULL : item(i - 4));
    for (int i = 46; i < 50; i++)
        assert_ptr_equal(queue_take(&q), item(i));
    queue_free(&q);
}

static void a_closed_one_takes_no_more(void **state)
{
    (void)state;
    void *room[2];
    queue q;
    bell b;
    bell_make(&b);
    queue_make(&q, room, 2, false, &b);
    const uint64_t seen = bell_count(&b);
    assert_null(queue_put(&q, item(1)));
    assert_true(bell_count(&b) > seen);
    queue_close(&q);
    assert_ptr_equal(queue_put(&q, item(2)), item(2));
    assert_false(queue_ended(&q));
    assert_ptr_equal(queue_wait(&q), item(1));
    assert_true(queue_ended(&q));
    assert_null(queue_wait(&q));
    queue_free(&q);
    bell_free(&b);
}

/* The clock decides where nobody rings. */
static void a_bell_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    bell b;
    bell_make(&b);
    const double begin = seconds();
    bell_wait(&b, bell_count(&b), begin + 0.02);
    assert_true(seconds() >= begin + 0.02);
    bell_ring(&b);
    bell_wait(&b, bell_count(&b) - 1, begin + 1000);
    assert_true(seconds() < begin + 100);
    bell_free(&b);
}

/* ---- threads ---------------------------------------------------------------------------------- */

typedef struct filler {
    queue q;
    void *room[2];
    pthread_t thread;
} filler;

static void *fill(void *of)
{
    filler *f = of;
    for (int i = 0; i < 1000; i++)
        if (queue_put(&f->q, item(i)))
            break;
    queue_close(&f->q);
    return NULL;
}

/* Several that wait while they are full, and one who takes of all of them: nothing is lost, and nobody hangs. */
static void who_fills_waits_for_who_takes(void **state)
{
    (void)state;
    enum { FILLERS = 3 };
    static filler f[FILLERS];
    bell b;
    int taken[FILLERS] = {0}, ended = 0;
    bell_make(&b);
    for (int i = 0; i < FILLERS; i++) {
        queue_make(&f[i].q, f[i].room, 2, false, &b);
        assert_int_equal(pthread_create(&f[i].thread, NULL, fill, &f[i]), 0);
    }
    while (ended < FILLERS) {
        const uint64_t seen = bell_count(&b);
        int got = ended = 0;
        for (int i = 0; i < FILLERS; i++) {
            void *p = queue_take(&f[i].q);
            if (p)
                assert_ptr_equal(p, item(taken[i]++));
            got += p != NULL;
            ended += queue_ended(&f[i].q);
        }
        if (!got && ended < FILLERS)
            bell_wait(&b, seen, seconds() + 100);
    }
    for (int i = 0; i < FILLERS; i++) {
        pthread_join(f[i].thread, NULL);
        assert_int_equal(taken[i], 1000);
        queue_free(&f[i].q);
    }
    bell_free(&b);
}

/* One that waits because it is full is let go. */
static void closing_wakes_who_fills(void **state)
{
    (void)state;
    static filler f;
    queue_make(&f.q, f.room, 2, false, NULL);
    assert_int_equal(pthread_create(&f.thread, NULL, fill, &f), 0);
    while (queue_left(&f.q) > 0)
        continue;
    queue_close(&f.q);
    pthread_join(f.thread, NULL);
    assert_ptr_equal(queue_take(&f.q), item(0));
    queue_free(&f.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_comes_out_first),
        cmocka_unit_test(one_that_drops_keeps_the_newest),
        cmocka_unit_test(a_closed_one_takes_no_more),
        cmocka_unit_test(a_bell_is_not_waited_for_for_ever),
        cmocka_unit_test(who_fills_waits_for_who_takes),
        cmocka_unit_test(closing_wakes_who_fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
