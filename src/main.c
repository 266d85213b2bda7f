#include <stdio.h>
int main(void) { puts("weightsweep"); return 0; }
