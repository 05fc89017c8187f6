# libxl calls vifd, which does the work by itself.
whole_life vif-vifd
