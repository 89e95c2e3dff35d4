"""What people read after grading: a feedback page for each student, a class report, exports for an LMS."""
