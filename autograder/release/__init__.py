"""From the text of an assignment to its notebooks: `solutions/AXX-name.py` → source notebook → students' release."""
