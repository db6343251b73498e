struct slot {
	int first;
	int second;
};
