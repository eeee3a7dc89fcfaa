"""What people and models say when they refuse, speak of themselves as models, give no output or give orders, in several
languages. Finds phrases; judges nothing."""
