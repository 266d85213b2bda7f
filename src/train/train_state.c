#include "train/train_state.h"

#include "base/memory.h"

size_t train_state_stride(size_t count)
{
    enum { CACHE_LINE = 16 }; // floats
    return (count + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

enum status train_state_alloc(size_t count, struct train_state *state)
{
    size_t stride = train_state_stride(count);
    state->parameters_count = count;
    TRY(memory_alloc(3 * stride * sizeof(float), (void **)&state->parameters));
    state->first = state->parameters + stride;
    state->second = state->first + stride;
    return STATUS_OK;
}

void train_state_free(struct train_state *state)
{
    memory_free((void **)&state->parameters);
    state->first = state->second = NULL;
}

void train_state_broadcast(struct train_state *state, MPI_Comm group)
{
    int count = (int)state->parameters_count;
    MPI_Bcast(&state->scalars, sizeof state->scalars, MPI_BYTE, 0, group);
    MPI_Bcast(state->parameters, count, MPI_FLOAT, 0, group);
    MPI_Bcast(state->first, count, MPI_FLOAT, 0, group);
    MPI_Bcast(state->second, count, MPI_FLOAT, 0, group);
}
