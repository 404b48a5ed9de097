"""The pages for people: upload, worklist, finding, adapt, monitor, admin; plain HTML that works from phone to desktop.

Handlers ask the service layer and render a template; scripts and styles come from this folder alone.
"""
