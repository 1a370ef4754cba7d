/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target on every file of a folder, as TAP: what the fuzzer once found stays found,
 * with any compiler.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

#define PATH_ROOM 4096

/* The file's bytes in memory of exactly that size, so that a read beyond them is noticed. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat st;
    if (!file || fstat(fileno(file), &st)) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    *size = (size_t)st.st_size;
    uint8_t *data = malloc(*size ? *size : 1);
    if (!data || fread(data, 1, *size, file) != *size) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return data;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;
    if (count <= 0) {
        fprintf(stderr, "replay: needs a folder with inputs\n");
        return EXIT_FAILURE;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[PATH_ROOM];
        size_t size;
        snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
        uint8_t *data = read_file(path, &size);
        LLVMFuzzerTestOneInput(data, size);
        printf("ok %d - %s\n", i + 1, entries[i]->d_name);
        fflush(stdout); /* a crash names the one after the last */
        free(data);
        free(entries[i]);
    }
    free(entries);
    return EXIT_SUCCESS;
}
