"""Who is most like this face? An exact index behind a guard; SQL is the truth, this is a view of it."""
