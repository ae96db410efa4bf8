"""The words and number formats that figures and text share."""
