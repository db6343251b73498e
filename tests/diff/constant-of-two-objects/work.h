extern const int table[4];
