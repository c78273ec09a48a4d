"""The grading engine of LLM101 Labs: builds labs, grades submissions in isolation, keeps the gradebook."""
