__thread int theirs = 700;
